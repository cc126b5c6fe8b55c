"""One connection to AMI without its socket: bytes and `now` in, bytes and snapshots out.

The order at sign-in: greeting, Login, Ping (for the PBX's clock), then the lists. Events that come while a list is
under way are applied to it when it is complete, so nothing is lost between the two.
"""

import hashlib
import re
from typing import Final

from ..base import QueueSnapshot
from .clock import PbxClock
from .ivr import IvrBook
from .members import QueueBook
from .messages import AmiParser, AmiSyntaxError, Message, action
from .settings import AmiSettings

_TIMESTAMP: Final = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
PING_EVERY_S: Final = 1.0
SIGN_IN_WITHIN_S: Final = 5.0
LIST_WITHIN_S: Final = 10.0
RESYNC_PAUSE_S: Final = 1.0
"""Between two lists that doubtful events ask for."""
MOST_ITEMS: Final = 100_000


class AmiError(Exception):
    """The connection is of no more use; one sentence says why."""


class AmiRefusedError(AmiError):
    """The PBX does not accept who we are: trying again soon is of no use."""


class AmiSession:
    """From the connect to its end."""

    def __init__(self, settings: AmiSettings, now: float, epoch: float) -> None:
        self._settings = settings
        self._parser = AmiParser()
        self._clock = PbxClock(epoch, now)
        self._queues = QueueBook(settings, self._clock)
        self._ivrs = IvrBook(settings.ivrs)
        self._out = bytearray()
        self._began = self._heard = self._pinged = now
        self._list_began: float | None = None
        self._list_ended = now
        self._list_items: list[Message] = []
        self._events: list[Message] = []  # that came while a list was under way
        self._awaited: set[str] = set()  # lists under way, by ActionID
        self._lists = 0
        self._wrap_up_ends: float | None = None
        self._signed_in = False
        self._has_list = False
        self._changed = False
        if settings.login == "md5":
            self._send("Challenge", "challenge", AuthType="md5")
        else:
            self._login(Secret=settings.password)

    # --- what comes in --------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the PBX. AmiError ends the session."""
        self._heard = now
        try:
            messages = self._parser.feed(data)
        except AmiSyntaxError as error:
            raise AmiError(f"does not speak as an Asterisk: {error}") from error
        for message in messages:
            self._take(message, now)

    def tick(self, now: float) -> None:
        """Time passed: pings, wrap-ups that ended, lists that are due or overdue."""
        if not self._signed_in:
            if now - self._began > SIGN_IN_WITHIN_S:
                raise AmiError(f"did not answer the sign-in within {SIGN_IN_WITHIN_S:g} s")
            return
        if now - self._pinged >= PING_EVERY_S:
            self._ping(now)
        if self._list_began is not None:
            if now - self._list_began > LIST_WITHIN_S:
                raise AmiError(f"did not list its queues within {LIST_WITHIN_S:g} s")
        elif now >= self._list_due():
            self._ask_lists(now)
        if self._wrap_up_ends is not None and now >= self._wrap_up_ends:
            self._changed = True

    def wake_at(self, now: float) -> float:
        """When `tick` has something to do, if nothing is heard before."""
        if not self._signed_in:
            return self._began + SIGN_IN_WITHIN_S + 0.01
        self._wrap_up_ends = self._queues.next_change(now)
        times = [self._pinged + PING_EVERY_S]
        if self._wrap_up_ends is not None:
            times.append(self._wrap_up_ends)
        if self._list_began is None:
            times.append(self._list_due())
        return min(times)

    # --- what goes out --------------------------------------------------------------------------------

    def take_out(self) -> bytes:
        """Bytes for the PBX, once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def silent_for(self, now: float) -> float:
        return now - self._heard

    def take_queues(self, now: float, anyway: bool = False) -> dict[str, QueueSnapshot] | None:
        """All queues once they are known, when something may have changed since the last call, or `anyway`."""
        if not self._has_list or not (self._changed or anyway):
            return None
        self._changed = False
        return {**self._queues.queues(now), **self._ivrs.queues()}

    # --- messages -------------------------------------------------------------------------------------

    def _take(self, message: Message, now: float) -> None:
        if message.event and message.action_id in self._awaited:
            self._list_item(message, now)
        elif message.event:
            self._event(message, now)
        elif message.response:
            self._response(message, now)

    def _event(self, message: Message, now: float) -> None:
        if message.event in {"FullyBooted", "Reload", "QueueReload"} and self._has_list:
            self._queues.doubtful = True
        if self._awaited:
            self._events.append(message)
        queues_changed, ivrs_changed = self._queues.apply(message, now), self._ivrs.apply(message)
        self._changed |= queues_changed or ivrs_changed

    def _response(self, message: Message, now: float) -> None:
        failed, why = message.response.lower() == "error", message.get("Message")
        match message.action_id.partition("-")[0]:
            case "challenge":
                challenge = message.get("Challenge")
                if failed or not challenge:
                    raise AmiRefusedError('knows no sign-in by MD5; set "login" to "plain"')
                secret = (challenge + self._settings.password).encode()
                key = hashlib.md5(secret, usedforsecurity=False).hexdigest()  # AMI's own scheme
                self._login(AuthType="md5", Key=key)
            case "login":
                if failed:
                    raise AmiRefusedError(f"refuses the user name or the password ({why})")
                self._signed_in = True
                self._ping(now)
                self._ask_lists(now)
            case "ping":
                self._pong(message, now)
            case "list" | "channels" if failed and message.action_id in self._awaited:
                what = "queues" if message.action_id.startswith("list") else "channels"
                if "unknown command" in why.lower():
                    raise AmiError(
                        f"does not know its {what} yet: it is starting, or has not loaded that module"
                    )
                raise AmiRefusedError(f"does not list its {what} to this user ({why})")

    def _pong(self, message: Message, now: float) -> None:
        told = _TIMESTAMP.fullmatch(message.get("Timestamp"))
        if told:  # else our own clock goes on
            self._clock.told(float(told[0]), now)

    def _login(self, **proof: str) -> None:
        self._send("Login", "login", Username=self._settings.username, Events=self._event_classes(), **proof)

    def _event_classes(self) -> str:
        classes = ["system", "agent"]
        if any(ivr.is_counted for ivr in self._settings.ivrs):
            classes += ["call", "dialplan", "user"]
        return ",".join(classes)

    def _ping(self, now: float) -> None:
        self._pinged = now
        self._send("Ping", "ping")

    def _send(self, name: str, action_id: str, **fields: str) -> None:
        self._out += action(name, action_id, **fields)

    # --- lists ----------------------------------------------------------------------------------------

    def _list_due(self) -> float:
        pause = RESYNC_PAUSE_S if self._queues.doubtful else self._settings.resync_s
        return self._list_ended + pause

    def _ask_lists(self, now: float) -> None:
        self._lists += 1
        self._list_began = now
        self._list_items, self._events = [], []
        self._awaited = {f"list-{self._lists}"}
        self._send("QueueStatus", f"list-{self._lists}")
        if any(ivr.is_counted for ivr in self._settings.ivrs):
            self._awaited.add(f"channels-{self._lists}")
            self._send("CoreShowChannels", f"channels-{self._lists}")

    def _list_item(self, message: Message, now: float) -> None:
        if not message.event.endswith("Complete"):
            self._list_items.append(message)
            if len(self._list_items) > MOST_ITEMS:
                raise AmiError("lists more than any Asterisk has")
            return
        self._awaited.discard(message.action_id)
        if self._awaited:
            return
        self._queues.replace(self._list_items, now)
        self._ivrs.replace(self._list_items)
        for event in self._events:
            self._queues.apply(event, now)
            self._ivrs.apply(event)
        self._list_items, self._events = [], []
        self._list_began, self._list_ended = None, now
        self._has_list = self._changed = True
