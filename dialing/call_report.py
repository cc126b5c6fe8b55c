"""What is known of a call when it is over: the JSON of `test_call` (DESIGN 6) and the times of an attempt."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from amd.cause import Cause
from amd.early_media import EarlyMedia
from telephony.results import CallResult
from telephony.rtp.quality import MediaQuality
from telephony.sip.call import EndedBy
from telephony.sip.transfer import Transfer, TransferState


@dataclass(frozen=True, slots=True)
class AmdReport:
    """The verdict, its cause, and milliseconds from the answer to the decision."""

    verdict: str
    cause: str
    decision_ms: int
    why: Cause


@dataclass(frozen=True, slots=True)
class TransferReport:
    """SIP codes of the REFER and of its outcome; milliseconds from the REFER to the outcome."""

    accepted_code: int | None = None
    final_code: int | None = None
    final_ms: int | None = None

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferReport":
        final_ms = None
        if transfer.final_at is not None:
            final_ms = round((transfer.final_at - transfer.started_at) * 1000)
        return cls(transfer.accepted_code, transfer.final_code, final_ms)


@dataclass(slots=True)
class CallReport:
    """The outcome of one call. Milliseconds count from the INVITE; `first_audio_ms` from the 200."""

    number: str
    result: CallResult = CallResult.UNKNOWN
    sip_code: int | None = None
    q850_cause: int | None = None
    reason: str | None = None
    retry_after_s: int | None = None
    """When the far end says to come back (Retry-After of a rejection)."""
    registered: bool = False
    ringing_ms: int | None = None
    answered_ms: int | None = None
    first_audio_ms: int | None = None
    audio_frames: int = 0
    early_media_frames: int = 0
    early_media: EarlyMedia | None = None
    media: MediaQuality | None = None
    """Of an answered call."""
    amd: AmdReport | None = None
    transfer: TransferReport | None = None
    ended_by: EndedBy | None = None
    duration_ms: int | None = None
    call_id: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    transferred_at: datetime | None = None
    ended_at: datetime | None = None
    answered_monotonic: float | None = None

    @property
    def is_abandoned(self) -> bool:
        """A person was passed on, and the PBX says that nobody took the call: the transfer was refused, or it failed
        (given up in the queue, closed, waiting too long there).

        An accepted transfer whose end the PBX doesn't tell is none: it may have ended with an agent.
        """
        if self.transfer is None:
            return False
        final, accepted = self.transfer.final_code, self.transfer.accepted_code
        decisive = accepted if final is None else final
        return decisive is None or not 200 <= decisive < 300

    def as_json(self) -> dict[str, Any]:
        """The object that `test_call --json` prints, in the order of DESIGN 6."""
        return {
            "number": self.number,
            "result": str(self.result),
            "sip_code": self.sip_code,
            "q850_cause": self.q850_cause,
            "reason": self.reason,
            "registered": self.registered,
            "ringing_ms": self.ringing_ms,
            "answered_ms": self.answered_ms,
            "first_audio_ms": self.first_audio_ms,
            "audio_frames": self.audio_frames,
            "early_media_frames": self.early_media_frames,
            "early_media": _early_json(self.early_media),
            "amd": _amd_json(self.amd),
            "transfer": asdict(self.transfer) if self.transfer else None,
            "ended_by": str(self.ended_by) if self.ended_by else None,
            "duration_ms": self.duration_ms,
            "call_id": self.call_id,
            "media": asdict(self.media) if self.media else None,
        }


def _amd_json(amd: AmdReport | None) -> dict[str, Any] | None:
    if amd is None:
        return None
    return {"verdict": amd.verdict, "cause": amd.cause, "decision_ms": amd.decision_ms}


def _early_json(found: EarlyMedia | None) -> dict[str, Any] | None:
    return None if found is None else {"kind": str(found.kind), "cause": str(found.why)}


def transfer_reason(transfer: Transfer) -> str | None:
    """Why a transfer did not come about, for people."""
    if transfer.state is not TransferState.FAILED:
        return None
    if transfer.final_code is not None:
        return f"transfer to {transfer.target} failed with {transfer.final_code}"
    return f"transfer to {transfer.target} was refused with {transfer.accepted_code}"
