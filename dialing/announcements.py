"""Hearing `campaigns.announce` in an event loop: PostgreSQL LISTEN on a connection of its own."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connections

from campaigns.announce import CHANNEL
from dialing.records import one_line

logger = logging.getLogger(__name__)

RETRY_AFTER = 1.0
"""Seconds between tries to reach the database."""


async def connect(application: str) -> psycopg.AsyncConnection[Any]:
    """An autocommit connection to Django's database for one event loop, `application` by name.

    A peer that vanished without a word is noticed within about 5 s. Raises psycopg.OperationalError.
    """
    settings = connections["default"].settings_dict
    options = {k: v for k, v in settings["OPTIONS"].items() if k not in {"pool", "isolation_level"}}
    named = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    return await psycopg.AsyncConnection.connect(
        autocommit=True,
        application_name=application,
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=3,
        **{**{key: value for key, value in named.items() if value}, **options},
    )


async def listen(
    application: str,
    on_announcement: Callable[[dict[str, Any]], None],
    on_listening: Callable[[], None] | None = None,
) -> None:
    """Calls `on_announcement` for each one, for ever; connects again each second after a loss.

    `on_listening` is called after each connect: what was announced before may have been missed.
    """
    away = False
    while True:
        try:
            async with await connect(application) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                if away:
                    logger.info("%s hears the database again.", application)
                away = False
                if on_listening is not None:
                    on_listening()
                async for notice in connection.notifies():
                    _hear(notice.payload, on_announcement)
        except psycopg.Error as error:
            if not away:
                logger.warning("%s can't reach the database, trying on: %s", application, one_line(error))
            away = True
        await asyncio.sleep(RETRY_AFTER)


def _hear(payload: str, on_announcement: Callable[[dict[str, Any]], None]) -> None:
    """One that can't be understood, as of another version, costs itself and not all that come after it."""
    try:
        on_announcement(json.loads(payload))
    except Exception:
        logger.exception("An announcement was not understood: %.200s", payload)
