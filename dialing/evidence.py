"""Keeps what the detector heard, once the attempt has ended: neither the port nor the next call waits for it."""

import logging

from django.db import Error

from dialing.call_loop import Ended
from leads import evidence

logger = logging.getLogger(__name__)


def keep(attempt_id: int, event: Ended) -> None:
    """Writes the evidence of an analysed call. A failure loses the evidence, never the attempt's end; it is logged."""
    report, heard = event.report, event.heard
    if report is None or report.amd is None or heard is None:
        return
    try:
        evidence.keep(attempt_id, report.amd.verdict, heard.evidence, heard.sound)
    except Error:
        logger.warning("The evidence of attempt %d was not kept.", attempt_id, exc_info=True)
        raise  # `Records` closes a broken connection
