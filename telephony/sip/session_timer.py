"""Session timers, RFC 4028: refreshes that we owe, and the end of a session whose peer owes them and is silent."""

from collections.abc import Callable
from dataclasses import dataclass

from .grammar import parse_params
from .message import Envelope
from .running_transaction import Scheduler, Timer

INTERVAL_S = 1800  # recommended in section 4
MIN_INTERVAL_S = 90  # the least that section 4 allows
LONGEST_S = 86400


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """A Session-Expires value: seconds, and who refreshes ("uac", "uas", None)."""

    seconds: int
    refresher: str | None = None

    @classmethod
    def of(cls, message: Envelope) -> "SessionExpires | None":
        """The header of a message; None when there is none or it can't be used."""
        value, _, tail = (message.header("Session-Expires") or "").partition(";")
        if not value.strip().isdecimal() or len(value.strip()) > 9:
            return None
        try:
            refresher = (parse_params(tail).get("refresher") or "").lower()
        except ValueError:
            refresher = ""
        seconds = min(max(int(value), 1), LONGEST_S)
        return cls(seconds, refresher if refresher in ("uac", "uas") else None)

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def min_se_of(message: Envelope) -> int | None:
    """Min-SE of a 422 (section 6)."""
    value = (message.header("Min-SE") or "").partition(";")[0].strip()
    return int(value) if value.isdecimal() and len(value) < 6 else None


class SessionTimer:
    """The running timer of one call."""

    def __init__(self, scheduler: Scheduler, refresh: Callable[[], None], expire: Callable[[], None]) -> None:
        self.agreed: SessionExpires | None = None
        self.we_refresh = False
        self._scheduler = scheduler
        self._refresh = refresh
        self._expire = expire
        self._timers: list[Timer] = []

    def start(self, agreed: SessionExpires | None, *, we_refresh: bool) -> None:
        """A new agreement, or a refresh of it: the time begins again (section 7.2 and 10)."""
        self.stop()
        self.agreed, self.we_refresh = agreed, we_refresh
        if agreed is None:
            return
        if we_refresh:
            self._timers.append(self._scheduler.call_later(agreed.seconds / 2, self._refresh))
        # Section 10: BYE slightly before the session expires, for refresher and listener alike.
        end = agreed.seconds - min(32.0, agreed.seconds / 3)
        self._timers.append(self._scheduler.call_later(end, self._expire))

    def retry(self, seconds: float) -> None:
        """The refresh met another request (491): again a little later."""
        self._timers.append(self._scheduler.call_later(seconds, self._refresh))

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
