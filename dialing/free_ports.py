"""The usable ports of this process: one call each."""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable


class FreePorts:
    """Ids of ports that can carry a call now. Used by the task threads and the event loop alike."""

    def __init__(self) -> None:
        self._free: deque[int] = deque()  # longest idle first, so that no port is worn by all calls
        self._usable: set[int] = set()
        self._taken: set[int] = set()
        self._carriers: dict[int, int | None] = {}
        self._rests: dict[int | None, float] = {}  # carrier -> until when, on time.monotonic()
        self._rates: dict[int, float] = {}  # carriers with limits -> calls a second
        self._waiting: dict[int, int] = {}
        """A port that was taken, and the carrier at which its call waits for its turn."""
        self._changed = threading.Condition()
        self.on_free: Callable[[], None] | None = None
        """Hears that there may be more room."""

    def take(self, wait: float) -> int | None:
        """A free port, or None when there is none within `wait` seconds. Give it back after the call.

        One behind a carrier without limits first, else one behind the carrier whose next turn for us comes first.
        """
        deadline = time.monotonic() + wait
        with self._changed:
            while True:
                now = time.monotonic()
                ready = [port for port in self._free if self._rest_of(port) <= now]
                if ready:
                    return self._take(min(ready, key=self._turn_of))
                if now >= deadline:
                    return None
                rested = min((self._rest_of(port) for port in self._free), default=deadline)
                self._changed.wait(min(deadline, rested) - now)

    def _take(self, port: int) -> int:
        self._free.remove(port)
        self._taken.add(port)
        if (carrier := self._limited(port)) is not None:
            self._waiting[port] = carrier
        return port

    def waits_at(self, port: int) -> int | None:
        """The carrier of a port that was taken, when its call must wait for a turn there."""
        with self._changed:
            return self._waiting.get(port)

    def has_turn(self, port: int) -> None:
        """The call on the port waits no more."""
        with self._changed:
            self._waiting.pop(port, None)
        self._tell()

    def give_back(self, port: int) -> None:
        with self._changed:
            self._taken.discard(port)
            self._waiting.pop(port, None)
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

    def is_behind(self, port: int, carrier: int | None, rate: float | None = None) -> None:
        """Names the port's carrier, and its rate (`telephony.models.Carrier.rate`)."""
        with self._changed:
            self._carriers[port] = carrier
        if carrier is not None:
            self.limit(carrier, rate)

    def limit(self, carrier: int, rate: float | None) -> None:
        """The carrier takes so many calls a second (infinite: only their number is limited); None: as they come."""
        with self._changed:
            if rate is None:
                self._rates.pop(carrier, None)
            else:
                self._rates[carrier] = rate

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
        """Calls that may begin in so many seconds at the latest, by the carriers' rests and limits."""
        with self._changed:
            soon = time.monotonic() + within
            ready = Counter(self._carriers.get(port) for port in self._free if self._rest_of(port) <= soon)
            return sum(min(count, self._turns_within(carrier, within)) for carrier, count in ready.items())

    def _turns_within(self, carrier: int | None, seconds: float) -> int:
        """That are not waited for already: of a carrier of our own, others may take some of them."""
        rate = math.inf if carrier is None else self._rates.get(carrier, math.inf)
        if rate == math.inf:
            return len(self._free)
        return max(0, math.ceil(rate * seconds) - self._waiting_at(carrier))

    def _tell(self) -> None:
        if self.on_free is not None:
            self.on_free()

    def _limited(self, port: int) -> int | None:
        carrier = self._carriers.get(port)
        return carrier if carrier in self._rates else None

    def _waiting_at(self, carrier: int | None) -> int:
        return sum(one == carrier for one in self._waiting.values())

    def _turn_of(self, port: int) -> float:
        """Seconds that a call on it would wait, if nobody else took turns at its carrier."""
        carrier = self._limited(port)
        return 0.0 if carrier is None else (1 + self._waiting_at(carrier)) / self._rates[carrier]

    def _rest_of(self, port: int) -> float:
        return self._rests.get(self._carriers.get(port), float("-inf"))
