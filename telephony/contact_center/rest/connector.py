"""Asks the endpoint at a steady pace; a failure is told at once, and the next try comes later and later.

What the contact centre pushes in between is put on top of the last answer. A push that comes while a question is under
way is put on top of its answer too: nobody knows which of them is the newer one, and the next answer will tell.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from ..base import ConnectorError, ConnectorState, ContactCenterSnapshot, OnSnapshot, OnState, QueueSnapshot
from .mapping import AnswerError, queues_of
from .push import Change, applied
from .settings import RestSettings

FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 10.0
STALE_AFTER_S: Final = 3.0
"""Seconds without the answer to a question after which what is known may be wrong, whatever `timeout_s` allows."""
LONGEST_ANSWER: Final = 8 * 1024 * 1024


@dataclass(slots=True)
class RestConnector:
    """Polls one endpoint, and takes pushes between the polls."""

    settings: RestSettings
    _queues: dict[str, QueueSnapshot] | None = field(default=None, init=False)
    """As they are known; None while the endpoint can't be asked, or does not answer."""
    _pushed: list[Change] = field(default_factory=list, init=False)
    """Since the last question left."""
    _on_snapshot: OnSnapshot | None = field(default=None, init=False)

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> "RestConnector":
        """ValueError names the setting that is wrong."""
        return cls(RestSettings.read(settings))

    async def run(self, on_snapshot: OnSnapshot, on_state: OnState) -> None:
        delay = FIRST_RETRY_S
        self._on_snapshot = on_snapshot
        on_state(ConnectorState.CONNECTING, f"asking {self._name}")
        while True:
            try:
                async with self._client(self.settings.timeout_s) as client:
                    while True:
                        began = time.monotonic()
                        self._pushed.clear()
                        answer = await self._answer(client, on_state)
                        if self._queues is None:
                            on_state(ConnectorState.CONNECTED, f"connected to {self._name}")
                        self._tell(applied(answer, self._pushed))
                        delay = FIRST_RETRY_S
                        await asyncio.sleep(max(0.0, began + self.settings.interval_s - time.monotonic()))
            except ConnectorError as error:
                self._queues = None
                on_state(ConnectorState.FAILED, str(error))
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY_S)

    async def _answer(self, client: httpx.AsyncClient, on_state: OnState) -> dict[str, QueueSnapshot]:
        """Nobody counts as free while it does not come."""

        def be_stale() -> None:
            if self._queues is not None:
                self._queues = None
                on_state(ConnectorState.STALE, f"{self._name} has not answered for {STALE_AFTER_S:g} s")

        silence = asyncio.get_running_loop().call_later(STALE_AFTER_S, be_stale)
        try:
            return await self._ask(client, self.settings.timeout_s)
        finally:
            silence.cancel()

    def push(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """What the contact centre has pushed (`Change.as_json`), at once. In the loop of `run`."""
        read = [Change.of_json(change) for change in changes]
        self._pushed += read
        if self._queues is not None:
            self._tell(applied(self._queues, read))

    def _tell(self, queues: dict[str, QueueSnapshot]) -> None:
        changed, self._queues = queues != self._queues, queues
        if changed and self._on_snapshot is not None:
            self._on_snapshot(ContactCenterSnapshot(queues, time.monotonic()))

    async def fetch(self, timeout: float = 3.0) -> ContactCenterSnapshot:  # noqa: ASYNC109 - see Connector
        async with self._client(timeout) as client:
            queues = await self._ask(client, timeout)
        return ContactCenterSnapshot(queues, time.monotonic())

    @property
    def _name(self) -> str:
        return httpx.URL(self.settings.url).copy_with(query=None).__str__()

    def _client(self, seconds: float) -> httpx.AsyncClient:
        settings = self.settings
        try:
            context = settings.ssl_context()
        except OSError as error:
            raise ConnectorError(f"ca_file {settings.ca_file!r} can't be used: {error}") from error
        headers = {"Accept": "application/json", "User-Agent": "dialer"}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        auth = httpx.BasicAuth(settings.username, settings.password) if settings.username else None
        return httpx.AsyncClient(
            verify=context,
            headers=headers,
            auth=auth,
            timeout=seconds,
            trust_env=False,
            follow_redirects=False,
        )

    async def _ask(self, client: httpx.AsyncClient, seconds: float) -> dict[str, QueueSnapshot]:
        """One answer. ConnectorError says in a sentence why there is none."""
        try:
            async with asyncio.timeout(seconds):  # over all, also when bytes keep dripping in
                return queues_of(await self._body(client), self.settings)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ConnectorError(f"{self._name} did not answer within {seconds:g} s") from error
        except AnswerError as error:
            raise ConnectorError(f"The answer of {self._name} {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise ConnectorError(
                f"{self._name} can't be reached ({error or type(error).__name__})"
            ) from error

    async def _body(self, client: httpx.AsyncClient) -> bytes:
        async with client.stream("GET", self.settings.url) as response:
            if response.status_code in {401, 403}:
                raise ConnectorError(
                    f"{self._name} refuses the user name, password or token (HTTP {response.status_code})"
                )
            if response.status_code != httpx.codes.OK:
                raise ConnectorError(f"{self._name} answered HTTP {response.status_code} instead of 200")
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LONGEST_ANSWER:
                    raise AnswerError(f"is longer than {LONGEST_ANSWER // 2**20} MiB")
            return bytes(body)
