"""Background works of an event loop that must not end: what one fault ends begins anew."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

AGAIN_AFTER = 1.0
"""Seconds."""

Work = Callable[[], Coroutine[Any, Any, None]]


async def kept_up(work: Work) -> None:
    """Runs `work` until cancelled, again and again; says why when it ended by an error."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("A background work ended by a fault of ours; it begins anew.")
        await asyncio.sleep(AGAIN_AFTER)
