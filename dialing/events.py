"""What the engine tells the live pages, on two Redis streams: each change of an attempt, and once a second the board.

Fire and forget: a bounded queue and one thread stand between the engine and the broker, so a broker that is away or
slow holds up no call; what does not fit is dropped, and the next second's board is complete again.
"""

import json
import logging
import queue
import threading
import time
from typing import Any

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

ATTEMPTS, BOARD = "dialer:attempts", "dialer:board"
KEPT = {ATTEMPTS: 10_000, BOARD: 60}
"""Entries that a stream keeps."""
WAITING = 1000
"""Entries that may wait for the broker."""
TIMEOUT = 1.0
LATEST_HOLDS = 0.5
"""Seconds for which all readers of a web process share one look at the stream."""


class EventWriter:
    """Used from the engine's loop."""

    def __init__(self, url: str = "") -> None:
        self._url = url or settings.REDIS_URL
        self._queue: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def put(self, stream: str, entry: dict[str, Any]) -> None:
        """Never blocks; drops the entry when too many wait."""
        try:
            self._queue.put_nowait((stream, entry))
        except queue.Full:
            logger.debug("An event was dropped.")

    def close(self) -> None:
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(TIMEOUT)

    def _run(self) -> None:
        with _client(self._url) as client:
            while (item := self._queue.get()) is not None:
                stream, entry = item
                try:
                    client.xadd(
                        stream, {"json": json.dumps(entry)}, maxlen=KEPT[stream], approximate=stream != BOARD
                    )
                except redis.RedisError:
                    logger.debug("The live pages' events wait for the broker.", exc_info=True)
                    time.sleep(TIMEOUT)


class BoardReader:
    """The newest board; one look at the stream for all viewers of a web process."""

    def __init__(self, url: str = "") -> None:
        self._client = _client(url or settings.REDIS_URL)
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._latest: tuple[str, dict[str, Any]] = ("", {})

    def latest(self) -> tuple[str, dict[str, Any]]:
        """Its id and content; an empty id when there is none, or the broker is away."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LATEST_HOLDS:
                self._latest = self._look()
                self._looked_at = time.monotonic()
            return self._latest

    def _look(self) -> tuple[str, dict[str, Any]]:
        try:
            found: Any = self._client.xrevrange(BOARD, count=1)
        except redis.RedisError:
            return "", {}
        if not found:
            return "", {}
        [(entry, fields)] = found
        return entry.decode(), json.loads(fields[b"json"])


def _client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
