"""Where the starts of one process wait for their turns at carriers with limits (`dialing.carriers`).

One start for each carrier asks the database at a time; the others stand behind it, and cost nothing. A turn belongs to
the process: one that a start leaves, since its gate was closed, is for the next.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dialing.carriers import NotYet, Turn


@dataclass(slots=True)
class _Queue:
    head: threading.Lock = field(default_factory=threading.Lock)
    left: list[Turn] = field(default_factory=list)
    why: str = ""
    """What the head was told last."""


class Turns:
    """`ask` gets a carrier's next turn for an attempt from the database, or raises NotYet. Any thread."""

    def __init__(self, ask: Callable[[int, int], Turn]) -> None:
        self._ask = ask
        self._queues: dict[int, _Queue] = {}
        self._lock = threading.Lock()

    def take(self, carrier: int, attempt: int, patience: float) -> Turn:
        """Waits for the next turn at the carrier, for an attempt, and returns at its moment.

        NotYet when none comes within `patience` seconds, or is known not to; what the database raises is passed on.
        """
        until = time.monotonic() + patience
        queue = self._queue(carrier)
        if not queue.head.acquire(timeout=max(0.0, patience)):
            raise NotYet(carrier, 0.0, queue.why or "Other calls wait for the carrier.")
        try:
            turn = self._next(queue, carrier, attempt, until)
        finally:
            queue.head.release()
        time.sleep(max(0.0, turn.due - time.monotonic()))  # the next one asks meanwhile
        return turn

    def leave(self, turn: Turn) -> None:
        """The turn was not used: no call was started with it, and none will be."""
        if turn.at is not None:
            with self._lock:
                self._queues[turn.carrier].left.append(turn)

    def _queue(self, carrier: int) -> _Queue:
        with self._lock:
            return self._queues.setdefault(carrier, _Queue())

    def _next(self, queue: _Queue, carrier: int, attempt: int, until: float) -> Turn:
        while True:
            if (left := self._left(queue)) is not None:
                return left
            try:
                return self._ask(carrier, attempt)
            except NotYet as not_yet:
                queue.why = not_yet.reason
                if time.monotonic() + not_yet.wait > until:
                    raise
                time.sleep(not_yet.wait)

    def _left(self, queue: _Queue) -> Turn | None:
        with self._lock:
            queue.left = [turn for turn in queue.left if turn.is_usable]
            return queue.left.pop(0) if queue.left else None
