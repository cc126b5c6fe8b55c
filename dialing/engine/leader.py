"""One leader among all engines: a PostgreSQL advisory lock on a connection of its own.

The lock lives as long as the connection. An engine that loses its connection stops at once; PostgreSQL gives the
lock to another one when it has noticed the same, so there are never two.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import psycopg
from django.db import connection

from dialing.announcements import connect
from dialing.records import one_line

logger = logging.getLogger(__name__)

LOCK = 0x6469616C6572  # "dialer"
EVERY = 1.0
"""Seconds between tries to become leader, and between looks at the leader's connection."""
PATIENCE = 2.0
"""Seconds that the database may take to answer the leader."""

_NOTICE_OUR_DEATH = (
    "SELECT set_config('tcp_keepalives_idle', '1', false), set_config('tcp_keepalives_interval', '1', false),"
    " set_config('tcp_keepalives_count', '2', false)"
)
"""A host that loses its power says no goodbye: PostgreSQL asks after it, and frees the lock about 3 s later, where it
would by default after two hours. Without effect on a socket of the file system, whose ends always know."""


# The lock's 64 bits are shown in two halves.
_IS_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks
     WHERE locktype = 'advisory' AND granted AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32 | objid::bigint) = %s)
"""


def is_there_one() -> bool:
    """Whether any engine leads now, on whatever host; asked on Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_HELD, [LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


async def lead(duty: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `duty` whenever this engine is the leader, for ever. Cancel it to stop: the lock is free at once."""
    away = False
    while True:
        try:
            async with await connect("dialer engine leader") as own:
                if away:
                    logger.info("The engine reaches the database again.")
                away = False
                await own.execute(_NOTICE_OUR_DEATH)
                await _wait_for_lock(own)
                logger.info("This engine is the leader.")
                await _work(own, duty)
        except (psycopg.Error, TimeoutError) as error:
            if not away:
                logger.warning("The engine can't reach the database, trying on: %s", one_line(error))
            away = True
        await asyncio.sleep(EVERY)


async def _wait_for_lock(own: psycopg.AsyncConnection[Any]) -> None:
    waiting = False
    while True:
        cursor = await own.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        row = await cursor.fetchone()
        if row and row[0]:
            return
        if not waiting:
            logger.info("Another engine leads; this one stands by.")
        waiting = True
        await asyncio.sleep(EVERY)


async def _work(own: psycopg.AsyncConnection[Any], duty: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Does the duty until the connection fails, which raises, or the duty fails."""
    task = asyncio.create_task(duty())
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=EVERY)
            async with asyncio.timeout(PATIENCE):
                await own.execute("SELECT 1")
        task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
