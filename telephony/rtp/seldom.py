"""How often a thing that may happen fifty times a second is written down. No I/O, no clock."""

EVERY_S = 60.0


class Seldom:
    """Once a minute at most, with how often it was held back since the last time."""

    def __init__(self) -> None:
        self._said_at = float("-inf")
        self._held_back = 0

    def words(self, now: float) -> str | None:
        """To be put behind what is said; None: it is not to be said now."""
        if now - self._said_at < EVERY_S:
            self._held_back += 1
            return None
        held_back, self._said_at, self._held_back = self._held_back, now, 0
        return f" (and {held_back} times since this was last said)" if held_back else ""
