"""The usable ports of this process: one call each."""

import threading
import time
from collections import deque
from collections.abc import Callable


class FreePorts:
    """Ids of ports that can carry a call now. Used by the task threads and the event loop alike."""

    def __init__(self) -> None:
        self._free: deque[int] = deque()  # longest idle first, so that no port is worn by all calls
        self._usable: set[int] = set()
        self._taken: set[int] = set()
        self._carriers: dict[int, int | None] = {}
        self._rests: dict[int | None, float] = {}  # carrier -> until when, on time.monotonic()
        self._changed = threading.Condition()
        self.on_free: Callable[[], None] | None = None
        """Hears that there may be more room."""

    def take(self, wait: float) -> int | None:
        """A free port, or None when there is none within `wait` seconds. Give it back after the call."""
        deadline = time.monotonic() + wait
        with self._changed:
            while True:
                now = time.monotonic()
                port = next((port for port in self._free if self._rest_of(port) <= now), None)
                if port is not None:
                    self._free.remove(port)
                    self._taken.add(port)
                    return port
                if now >= deadline:
                    return None
                rested = min((self._rest_of(port) for port in self._free), default=deadline)
                self._changed.wait(min(deadline, rested) - now)

    def give_back(self, port: int) -> None:
        with self._changed:
            self._taken.discard(port)
            if port in self._usable:
                self._free.append(port)
                self._changed.notify()
        self._tell()

    def allow(self, port: int) -> None:
        """The port is in service: calls may use it."""
        with self._changed:
            if port in self._usable:
                return
            self._usable.add(port)
            if port not in self._taken:
                self._free.append(port)
                self._changed.notify()
        self._tell()

    def forbid(self, port: int) -> None:
        """The port is out of service, or not ours any more; a call on it goes on."""
        with self._changed:
            self._usable.discard(port)
            if port in self._free:
                self._free.remove(port)

    def is_behind(self, port: int, carrier: int | None) -> None:
        """Names the port's carrier."""
        with self._changed:
            self._carriers[port] = carrier

    def rest(self, carrier: int | None, seconds: float) -> None:
        """The carrier takes no call for so long; 0: it takes calls again."""
        with self._changed:
            self._rests[carrier] = time.monotonic() + seconds
            self._changed.notify_all()

    def is_taken(self, port: int) -> bool:
        with self._changed:
            return port in self._taken

    def counts(self) -> tuple[int, int]:
        """Ports free and ports in a call."""
        with self._changed:
            return len(self._free), len(self._taken)

    def room(self, within: float) -> int:
        """Calls that may begin in so many seconds at the latest, by the carriers' rests."""
        with self._changed:
            soon = time.monotonic() + within
            return sum(self._rest_of(port) <= soon for port in self._free)

    def _tell(self) -> None:
        if self.on_free is not None:
            self.on_free()

    def _rest_of(self, port: int) -> float:
        return self._rests.get(self._carriers.get(port), float("-inf"))
