"""Keeps what the detector heard, once the attempt has ended: neither the port nor the next call waits for it."""

import logging
from typing import Any

from django.db import Error

from leads import evidence

logger = logging.getLogger(__name__)


def keep(attempt_id: int, verdict: str, stands_on: dict[str, Any], sound: bytes) -> None:
    """Writes the evidence of an analysed call (`dialing.detection.Heard`).

    A failure loses the evidence, never the attempt's end; it is logged.
    """
    try:
        evidence.keep(attempt_id, verdict, stands_on, sound)
    except Error:
        logger.warning("The evidence of attempt %d was not kept.", attempt_id, exc_info=True)
        raise  # `Records` closes a broken connection
