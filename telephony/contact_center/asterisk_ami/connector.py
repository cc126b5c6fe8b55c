"""Drives sessions over TCP or TLS: connects, reconnects with growing pauses, tells snapshots and states."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..base import (
    ConnectorError,
    ConnectorState,
    ContactCenterSnapshot,
    OnSnapshot,
    OnState,
    QueueSnapshot,
)
from .session import AmiError, AmiRefusedError, AmiSession
from .settings import AmiSettings

FIRST_RETRY_S: Final = 0.2
LONGEST_RETRY_S: Final = 2.0
REFUSED_RETRY_S: Final = 15.0  # wrong passwords at a higher pace get addresses locked out
CONNECT_TIMEOUT_S: Final = 3.0
READ_SIZE: Final = 65536


@dataclass(frozen=True, slots=True)
class AmiConnector:
    """Watches one Asterisk."""

    settings: AmiSettings

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> "AmiConnector":
        """ValueError names the setting that is wrong."""
        return cls(AmiSettings.read(settings))

    async def run(self, on_snapshot: OnSnapshot, on_state: OnState) -> None:
        delay = FIRST_RETRY_S
        while True:
            on_state(ConnectorState.CONNECTING, f"connecting to {self._name}")
            watch = _Watch(self.settings, self._name, on_snapshot, on_state)
            try:
                reader, writer = await self._connect(CONNECT_TIMEOUT_S)
                try:
                    await watch.follow(reader, writer)
                finally:
                    writer.close()
            except AmiRefusedError as error:
                on_state(ConnectorState.FAILED, f"{self._name} {error}")
                delay = REFUSED_RETRY_S
            except AmiError as error:
                on_state(ConnectorState.FAILED, f"{self._name} {error}")
            except ConnectorError as error:
                on_state(ConnectorState.FAILED, str(error))
            if watch.told:
                delay = FIRST_RETRY_S
            await asyncio.sleep(delay)
            delay = min(2 * delay, max(LONGEST_RETRY_S, delay))

    async def fetch(self, timeout: float = 3.0) -> ContactCenterSnapshot:  # noqa: ASYNC109 - see Connector
        deadline = time.monotonic() + timeout
        reader, writer = await self._connect(timeout)
        session = AmiSession(self.settings, time.monotonic(), time.time())
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                while (queues := session.take_queues(time.monotonic())) is None:
                    writer.write(session.take_out())
                    data = await reader.read(READ_SIZE)
                    if not data:
                        raise AmiError("closed the connection before it told its queues")
                    session.receive(data, time.monotonic())
        except TimeoutError as error:
            raise ConnectorError(f"{self._name} did not tell its queues within {timeout:g} s.") from error
        except AmiError as error:
            raise ConnectorError(f"{self._name} {error}.") from error
        except OSError as error:
            raise ConnectorError(f"{self._name} was lost: {error.strerror or error}.") from error
        finally:
            writer.close()
        return ContactCenterSnapshot(queues, time.monotonic())

    @property
    def _name(self) -> str:
        return f"Asterisk at {self.settings.host}:{self.settings.port}"

    async def _connect(self, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            context = self.settings.ssl_context()
        except OSError as error:
            raise ConnectorError(f"ca_file {self.settings.ca_file!r} can't be used: {error}") from error
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.open_connection(self.settings.host, self.settings.port, ssl=context)
        except TimeoutError as error:
            raise ConnectorError(f"{self._name} did not answer within {seconds:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise ConnectorError(
                f"{self._name} shows a certificate that is not trusted ({error.verify_message})"
            ) from error
        except ssl.SSLError as error:
            raise ConnectorError(f"{self._name} speaks no TLS that we know ({error.reason})") from error
        except OSError as error:
            raise ConnectorError(
                f"{self._name} can't be reached ({error.strerror or error}); is its manager interface on?"
            ) from error


class _Watch:
    """One connection, followed to its end."""

    def __init__(self, settings: AmiSettings, name: str, on_snapshot: OnSnapshot, on_state: OnState) -> None:
        self._settings = settings
        self._name = name
        self._on_snapshot = on_snapshot
        self._on_state = on_state
        self._last: dict[str, QueueSnapshot] | None = None
        self._stale = False
        self.told = False
        """It was signed in and told its queues."""

    async def follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Raises AmiError when the connection ends."""
        session = AmiSession(self._settings, time.monotonic(), time.time())
        while True:
            writer.write(session.take_out())
            now = time.monotonic()
            wake_at = min(session.wake_at(now), self._next_silence(session, now))
            try:
                async with asyncio.timeout(max(0.0, wake_at - now)):
                    data = await reader.read(READ_SIZE)
            except TimeoutError:
                self._look_for_silence(session)
            except OSError as error:
                raise AmiError(f"was lost: {error.strerror or error}") from error
            else:
                if not data:
                    raise AmiError("closed the connection")
                session.receive(data, time.monotonic())
            session.tick(time.monotonic())
            self._tell(session, time.monotonic())

    def _next_silence(self, session: AmiSession, now: float) -> float:
        patience = self._settings.stale_after_s * (1 if self.told and not self._stale else 2)
        return now + patience - session.silent_for(now)

    def _look_for_silence(self, session: AmiSession) -> None:
        silent, patience = session.silent_for(time.monotonic()), self._settings.stale_after_s
        if silent >= 2 * patience:
            raise AmiError(f"has been silent for {silent:.0f} s, connecting anew")
        if silent >= patience and self.told and not self._stale:
            self._stale = True
            self._on_state(ConnectorState.STALE, f"{self._name} has been silent for {patience:g} s")

    def _tell(self, session: AmiSession, now: float) -> None:
        """The first queues, those after a silence, and then each change."""
        if self._stale and session.silent_for(now) >= self._settings.stale_after_s:
            return
        anew = self._stale or not self.told
        queues = session.take_queues(now, anyway=anew)
        if queues is None:
            return
        if anew:
            self._stale, self.told = False, True
            self._on_state(ConnectorState.CONNECTED, f"connected to {self._name}{self._missing(queues)}")
        if anew or queues != self._last:
            self._last = queues
            self._on_snapshot(ContactCenterSnapshot(queues, now))

    def _missing(self, queues: Mapping[str, QueueSnapshot]) -> str:
        missing = sorted(set(self._settings.queues) - set(queues))
        return f"; it knows no queue {', '.join(missing)}" if missing else ""
