"""New calls a second, as the engine plans them. No clock, no I/O, no Django.

The carriers' exact limit is kept at the gate (`dialing.carriers`); this keeps the engine from claiming leads that
would wait there.
"""

from dataclasses import dataclass

BURST_S = 0.05
"""What may be planned at once after a pause, in seconds of the rate; one call at least."""
LATE_S = 0.5
"""Seconds that a plan may come late for a turn that was waited for, as on a busy machine each does: what was not planned
meanwhile is made up. Such calls wait for their turns in a calls worker (`dialing.intake.SOON`)."""


@dataclass(slots=True)
class Rate:
    """Evenly spaced turns; `per_second` None is no limit."""

    per_second: float | None = None
    _next: float = float("-inf")
    _is_awaited: bool = False
    """Somebody wanted the next turn before its time."""

    def take(self, now: float) -> bool:
        """Uses a turn, if there is one at `now`."""
        if self.per_second is None:
            return True
        if self._next > now:
            self._is_awaited = True
            return False
        interval = 1 / self.per_second
        made_up = LATE_S if self._is_awaited else max(0.0, BURST_S - interval)
        self._next = max(self._next, now - made_up) + interval
        self._is_awaited = self._is_awaited and self._next <= now
        return True

    def wait(self, now: float) -> float:
        """Seconds until the next turn."""
        return 0.0 if self.per_second is None else max(0.0, self._next - now)
