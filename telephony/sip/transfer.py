"""The outcome of a REFER: RFC 3515, with Refer-Sub of RFC 4488; messages in any order."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sipmessage import Response

from .message import Envelope

_EVENT_ID = re.compile(r";\s*id\s*=\s*(\d{1,10})\s*(?:;|\Z)", re.IGNORECASE)
_STATUS = re.compile(rb"\s*SIP/2\.0 ([1-6]\d\d)(?:[ \r\n]|\Z)", re.IGNORECASE)


class TransferState(StrEnum):
    PENDING = "pending"  # REFER sent, nothing heard
    ACCEPTED = "accepted"  # the peer tries
    SUCCEEDED = "succeeded"  # the target answered
    FAILED = "failed"  # refused, or the target did not answer


def notified(transfers: "list[Transfer]", notify: Envelope) -> "Transfer":
    """Which of a call's transfers a NOTIFY tells of: by its event's id, else the newest (RFC 3515 section 2.4.6)."""
    named = _EVENT_ID.search(notify.header("Event") or "")
    if named is not None:
        for transfer in transfers:
            if transfer.cseq == int(named.group(1)):
                return transfer
    return transfers[-1]


def parse_sipfrag(body: bytes) -> int | None:
    """The status code of a message/sipfrag body (RFC 3420), None when it has none."""
    match = _STATUS.match(body[:200])
    return int(match.group(1)) if match else None


@dataclass(slots=True)
class Transfer:
    """What is known of our REFER. NOTIFYs may come before the 202, all at once, or never."""

    target: str
    started_at: float
    cseq: int = 0  # of the REFER that the peer took: names its subscription (RFC 3515 section 2.4.6)
    accepted_code: int | None = None
    accepted_at: float | None = None
    final_code: int | None = None
    final_at: float | None = None
    subscription_over: bool = False

    @property
    def state(self) -> TransferState:
        if self.final_code is not None:
            return TransferState.SUCCEEDED if self.final_code < 300 else TransferState.FAILED
        if self.accepted_code is None:
            return TransferState.PENDING
        return TransferState.ACCEPTED if self.accepted_code < 300 else TransferState.FAILED

    @property
    def failure_code(self) -> int | None:
        """The refusal of the REFER, or what the target said; None unless failed."""
        if self.state is not TransferState.FAILED:
            return None
        return self.final_code if self.final_code is not None else self.accepted_code

    @property
    def settled(self) -> bool:
        """Nothing more will be heard."""
        return self.state in (TransferState.SUCCEEDED, TransferState.FAILED) or (
            self.subscription_over and self.accepted_code is not None
        )

    def take_response(self, response: Envelope, now: float) -> None:
        """The final response to the REFER."""
        assert isinstance(response.message, Response)
        if response.message.code < 200 or self.accepted_code is not None:
            return
        self.cseq = response.cseq
        self.accepted_code, self.accepted_at = response.message.code, now
        if (response.header("Refer-Sub") or "").strip().lower() == "false":
            self.subscription_over = True  # RFC 4488: no NOTIFY will come

    def take_failure(self, code: int, now: float) -> None:
        """The REFER itself got no response."""
        if self.accepted_code is None:
            self.accepted_code, self.accepted_at = code, now

    def take_notify(self, notify: Envelope, now: float) -> None:
        """One NOTIFY of the implicit subscription (RFC 3515 section 2.4.4)."""
        code = parse_sipfrag(notify.message.body)
        if code is not None and code >= 200 and self.final_code is None:
            self.final_code, self.final_at = code, now
        if (notify.header("Subscription-State") or "").strip().lower().startswith("terminated"):
            self.subscription_over = True
