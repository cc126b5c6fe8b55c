"""What keeps a process from answering late: Python's own pauses.

Measured: a full garbage collection of a process with all of Django in it takes 60 to 90 ms, and a thread that
computes lets the others wait 5 ms each time.
"""

import gc
import logging
import sys

SWITCH_INTERVAL = 0.001
"""Seconds that a computing thread may let the others wait."""
YOUNG_OBJECTS = 1_000
"""New objects between two collections of the youngest generation, which looks at all of them: 10,000 took up to 80 ms."""
COLLECTIONS = (20, 10)
"""Of the youngest generation before one of the next, and of that before a full one: at most 200,000 objects (some 20 MB)
wait to be freed. Calls themselves leave none (`tests/sip/test_place_call_memory.py`)."""

_TALKATIVE = ("celery.worker.strategy", "celery.app.trace")
"""Two lines for each task; an attempt is on record in the database."""


def be_prompt() -> None:
    """Call it when the process has loaded what it needs: what is there now is never collected again."""
    gc.collect()
    gc.freeze()
    gc.collect()  # else Python waits for a quarter of what is frozen before it collects in full again
    gc.set_threshold(YOUNG_OBJECTS, *COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL)
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))
