"""Each process tells its own numbers every few seconds; the pages and `/metrics` read them from the database."""

import os
import resource
import socket
from datetime import datetime, timedelta
from pathlib import Path

from dialing import tallies
from dialing.leases import database_time
from dialing.models import ProcessReport

EVERY = 5.0
"""Seconds between two reports of a process."""
FRESH = timedelta(seconds=20)
"""A process that has not reported for so long is away or stands still."""
FORGOTTEN = timedelta(hours=1)
"""After so long its last report goes."""

Numbers = dict[str, float]


def process_name() -> str:
    """`host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def write(kind: str, name: str, numbers: Numbers, counts: tallies.Counts | None = None) -> None:
    """Keeps the latest numbers of a process, and adds to the kept counters: its `counts`, if it is another process
    (`tallies.take`), and those of this one."""
    ProcessReport.objects.update_or_create(
        name=f"{kind} {name}",
        defaults={"kind": kind, "reported_at": database_time(), "numbers": numbers},
    )
    tallies.add(counts or {})
    tallies.flush()


def forget(kind: str, name: str, counts: tallies.Counts | None = None) -> None:
    """The process ends in its own time; `counts` as for `write`."""
    tallies.add(counts or {})
    tallies.flush()
    ProcessReport.objects.filter(name=f"{kind} {name}").delete()


def forget_old(now: datetime) -> None:
    ProcessReport.objects.filter(reported_at__lt=now - FORGOTTEN).delete()


def of_this_process() -> Numbers:
    """What the system knows of it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_bytes": pages * resource.getpagesize(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }
