"""A process that starts attempts as a calls worker does, on threads of its own, and now and then comes late.

    python -m tests.dialing.starts SEED SECONDS STALLS PORT... -- ATTEMPT...

Each thread has a port, and starts one attempt after the other until `SECONDS` are over. `STALLS` of all starts are held
up on their way to the database, for up to three times the grace of a turn. Calls end at once.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Iterator

import django


def main(words: list[str]) -> None:
    numbers = words.index("--")
    seed, seconds, stalls = int(words[0]), float(words[1]), float(words[2])
    ports, attempts = map(int, words[3:numbers]), map(int, words[numbers + 1 :])
    os.environ["DJANGO_SETTINGS_MODULE"] = "dialer_project.settings"
    django.setup()
    start_until(time.monotonic() + seconds, random.Random(seed), stalls, list(ports), attempts)


def start_until(
    until: float, chance: random.Random, stalls: float, ports: list[int], waiting: Iterator[int]
) -> None:
    from django.utils import timezone

    from dialing import attempt as attempts
    from dialing.admission import Admission
    from dialing.attempt import CallOrder, Outcome
    from dialing.carriers import GRACE, NotYet, Turn
    from dialing.free_ports import FreePorts
    from dialing.records import Records
    from leads.models import LeadStatus
    from telephony.models import DialerPort

    records, free = Records("starts", threads=3), FreePorts()
    admission = Admission(records, free)
    for port in DialerPort.objects.filter(pk__in=ports).select_related("carrier"):
        assert port.carrier is not None
        free.is_behind(port.pk, port.carrier.pk, port.carrier.rate)
        free.allow(port.pk)

    def begin(attempt: int, port: int, turn: Turn | None, asked: int | None) -> CallOrder | None:
        if chance.random() < stalls:
            time.sleep(chance.random() * 3 * GRACE)
        return attempts.start(attempt, "w", port, turn, asked)

    def start(attempt: int, port: int, turn: Turn | None, asked: int | None) -> CallOrder | None:
        return records.run(begin, attempt, port, turn, asked)

    def work() -> None:
        for attempt in waiting:
            while time.monotonic() < until:
                port = free.take(until - time.monotonic())
                if port is None:
                    return
                try:
                    if admission.started(attempt, port, None, start, until - time.monotonic()):
                        ended = Outcome(LeadStatus.BUSY, timezone.now())
                        records.run(attempts.finish, attempt, ended)
                    break
                except NotYet:
                    continue
                finally:
                    free.give_back(port)
            else:
                return

    waiting = _OneByOne(waiting)
    threads = [threading.Thread(target=work) for _ in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records.close()


class _OneByOne(Iterator[int]):
    """An iterator for several threads."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers, self._lock = numbers, threading.Lock()

    def __next__(self) -> int:
        with self._lock:
            return next(self._numbers)


if __name__ == "__main__":
    main(sys.argv[1:])
