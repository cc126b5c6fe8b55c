"""Sends attempts to the calls workers, and knows when the broker is down."""

import logging
import time
from typing import Any

from celery import Celery, current_app
from kombu.exceptions import OperationalError

from dialing import attempt as attempts
from dialing.records import one_line

logger = logging.getLogger(__name__)

TASK = "dialing.run_attempt"
_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
# One more try at once: a connection that the broker closed is only noticed by using it.

PROBE_KEY = "dialer:probe"
PROBE_EVERY = 1.0
"""Seconds between looks whether a lost broker is back."""


class Publisher:
    """Used from the engine's database threads; Celery's producer pool keeps a warm connection for each."""

    def __init__(self, app: Celery | None = None) -> None:
        self._app = app or current_app
        self._down = False
        self._probe_at = 0.0

    @property
    def is_down(self) -> bool:
        """The last publish failed, and no probe has succeeded since: claim nothing."""
        return self._down

    def publish(self, attempt_ids: list[int]) -> None:
        """One message for each attempt, in order. An attempt that can't be sent is withdrawn at once.

        A message may have arrived although the broker did not say so: its worker finds the attempt withdrawn.
        """
        for attempt_id in attempt_ids:
            if not self._down:
                self._send(attempt_id)
            if self._down:
                attempts.withdraw(attempt_id, "The message broker is out of reach.")

    def _send(self, attempt_id: int) -> None:
        try:
            self._app.send_task(TASK, (attempt_id,), queue="calls", retry=True, retry_policy=_RETRY)
        except (OperationalError, OSError) as error:
            self._down = True
            logger.warning("The message broker is out of reach, dialing waits for it: %s", one_line(error))

    def probe(self) -> None:
        """Opens a connection, which warms it too, and notes whether the broker is there."""
        if time.monotonic() < self._probe_at:
            return
        self._probe_at = time.monotonic() + PROBE_EVERY
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                connection: Any = producer.connection
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)
                connection.default_channel.client.set(
                    PROBE_KEY, "", ex=60
                )  # one that can't write is as good as away
        except Exception as error:  # the client library's own kinds of errors come through here too
            if not self._down:
                logger.warning(
                    "The message broker is out of reach, dialing waits for it: %s", one_line(error)
                )
            self._down = True
            return
        if self._down:
            logger.info("The message broker is back.")
        self._down = False
