"""How the end of a call becomes a result: a table by SIP code and Q.850 cause (SPEC 6). Free of Django."""

from collections.abc import Mapping
from enum import StrEnum


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


ResultTable = Mapping[tuple[int, int | None], CallResult]
"""(SIP code, Q.850 cause) -> result; cause None is the row for every other cause and for none."""

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
}


def map_result(
    sip_code: int | None, q850_cause: int | None, table: ResultTable = DEFAULT_TABLE
) -> CallResult:
    """The result of a call that was not answered. No SIP code: nobody answered the INVITE at all."""
    if sip_code is None:
        return CallResult.SERVICE_TEMPORARY_UNAVAILABLE
    exact = table.get((sip_code, q850_cause)) if q850_cause is not None else None
    return exact or table.get((sip_code, None)) or CallResult.UNKNOWN
