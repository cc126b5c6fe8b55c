"""A calls worker takes no more messages than it has free ports: the others are for workers that have some.

kombu's own bound, the prefetch count, can't say this: it counts threads, and 0 means no bound. So the consumer's
channel asks here before it asks the broker for a message, as Celery's `worker_disable_prefetch` does with the pool. A
question that has left (a pending BRPOP) is read in any case: the broker may have answered it already.
"""

import os
import threading
import time
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.worker.consumer.tasks import Tasks

from dialing.free_ports import FreePorts

SOON = 1.0
"""Seconds that a message in hand may wait for a port: a carrier may take its next call in some milliseconds."""
FORGOTTEN = 5.0
"""Seconds after which a message that never came to its thread is not counted any more."""


class Intake:
    """Free ports against messages on their way to their threads. Used by the consumer and the task threads alike."""

    def __init__(self, ports: FreePorts) -> None:
        self._ports = ports
        self._coming: dict[int, float] = {}  # attempt -> when its message came
        self._lock = threading.Lock()
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        ports.on_free = self.wake

    def has_room(self) -> bool:
        """Whether one more message would find a port."""
        oldest = time.monotonic() - FORGOTTEN
        with self._lock:
            coming = sum(came > oldest for came in self._coming.values())
        return self._ports.room(SOON) > coming

    def came(self, attempt: int) -> None:
        """A message was taken; its thread begins in a moment."""
        with self._lock:
            self._coming[attempt] = time.monotonic()

    def begun(self, attempt: int) -> None:
        """The message's thread has a port, or has given up."""
        with self._lock:
            self._coming.pop(attempt, None)

    # --- the consumer's loop sleeps until something can be read ---------------------------------------

    def wake(self) -> None:
        """A port is free: whoever sleeps looks again. Any thread may call."""
        with suppress(BlockingIOError):
            os.write(self._write_end, b"1")

    def fileno(self) -> int:
        """Readable when `wake` was called."""
        return self._read_end

    def slept_out(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._read_end, 4096)

    def close(self) -> None:
        self._ports.on_free = None
        os.close(self._write_end)
        os.close(self._read_end)


class TakeByPorts(bootsteps.StartStopStep):
    """Celery's consumer, at each connection: its channel asks the intake of this process's calls worker."""

    requires = (Tasks,)

    def start(self, parent: Any) -> None:
        from dialing import worker

        intake = worker.current().intake
        channel = parent.task_consumer.channel
        channel.qos.can_consume = lambda: bool(channel._in_poll) or intake.has_room()
        parent.hub.add_reader(intake.fileno(), intake.slept_out)

    def stop(self, parent: Any) -> None:
        from dialing import worker

        if parent.hub is not None:
            with suppress(RuntimeError):
                parent.hub.remove_reader(worker.current().intake.fileno())
