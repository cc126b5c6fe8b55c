"""How the end of a call becomes a result: a table by SIP code and Q.850 cause (SPEC 6). Free of Django."""

from collections.abc import Mapping
from enum import StrEnum

from amd.early_media import EarlyKind


class CallResult(StrEnum):
    """Results of SPEC 6; ANSWERED stands where no transfer was asked for."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    BUSY = "BUSY"
    REFUSED = "REFUSED"
    AMD = "AMD"
    SERVICE_TEMPORARY_UNAVAILABLE = "SERVICE_TEMPORARY_UNAVAILABLE"
    UNKNOWN = "UNKNOWN"
    ANSWERED = "ANSWERED"


ResultKey = tuple[int, int | None] | tuple[int | None, int | None, str]
ResultTable = Mapping[ResultKey, CallResult]
"""(SIP code, Q.850 cause) -> result; cause None is the row for every other cause and for none.

Rows with a third part hold where this was heard before the answer (an `amd.early_media.EarlyKind`), and come first;
there SIP code None is the row for every other code.
"""

_BUSY, _REFUSED, _FAILED = CallResult.BUSY, CallResult.REFUSED, CallResult.FAILED
_UNAVAILABLE = CallResult.SERVICE_TEMPORARY_UNAVAILABLE

DEFAULT_TABLE: ResultTable = {
    (486, None): _BUSY,
    (600, None): _BUSY,
    (603, None): _REFUSED,
    (607, None): _REFUSED,
    (608, None): _REFUSED,
    (403, 21): _REFUSED,  # measured: an Asterisk hands a customer's 603 on like this
    (487, None): _FAILED,
    (480, None): _FAILED,
    (408, None): _FAILED,
    (404, None): _FAILED,
    (410, None): _FAILED,
    (484, None): _FAILED,
    (604, None): _FAILED,
    (603, 16): _FAILED,  # measured: some PBXs' own ring time-out
    (500, None): _UNAVAILABLE,
    (502, None): _UNAVAILABLE,
    (503, None): _UNAVAILABLE,
    (504, None): _UNAVAILABLE,
    # What the network plays is nearer to the truth than its code: a vacant number often ends as 480 or 486.
    (None, None, EarlyKind.BUSY): _BUSY,
    (None, None, EarlyKind.SIT_VACANT_CODE): _FAILED,
    (None, None, EarlyKind.SIT_INTERCEPT): _FAILED,
    (None, None, EarlyKind.SIT_REORDER): _UNAVAILABLE,
    (None, None, EarlyKind.SIT_NO_CIRCUIT): _UNAVAILABLE,
}


def map_heard(
    sip_code: int | None, q850_cause: int | None, heard: str, table: ResultTable = DEFAULT_TABLE
) -> CallResult | None:
    """The result by what was heard before the answer; None where that says nothing."""
    if not heard:
        return None
    return (
        table.get((sip_code, q850_cause, heard))
        or table.get((sip_code, None, heard))
        or table.get((None, None, heard))
    )


def map_result(
    sip_code: int | None, q850_cause: int | None, table: ResultTable = DEFAULT_TABLE, heard: str = ""
) -> CallResult:
    """The result of a call that was not answered. No SIP code: nobody answered the INVITE at all."""
    if sip_code is None:
        return CallResult.SERVICE_TEMPORARY_UNAVAILABLE
    if by_sound := map_heard(sip_code, q850_cause, heard, table):
        return by_sound
    exact = table.get((sip_code, q850_cause)) if q850_cause is not None else None
    return exact or table.get((sip_code, None)) or CallResult.UNKNOWN
