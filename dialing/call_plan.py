"""What is to be done with one number."""

from dataclasses import dataclass, field

from telephony.results import DEFAULT_TABLE, ResultTable
from telephony.sip.account import SipAccount

from .call_transfer import LONGEST_WAIT_S, UNTOLD_S
from .early_media import EarlyEnd


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What to do with one number. `hold_s`: stay that long on the answered call before transfer or BYE."""

    account: SipAccount
    number: str
    ring_timeout_s: float = 30.0
    transfer_to: str | None = None
    hold_s: float | None = None
    max_call_s: float = 180.0
    transfer_timeout_s: float = UNTOLD_S
    transfer_wait_s: float = LONGEST_WAIT_S
    caller_name: str | None = None
    caller_number: str | None = None
    caller_private: bool = False
    results: ResultTable = field(default_factory=lambda: DEFAULT_TABLE)
    early_end: EarlyEnd = EarlyEnd.NEVER
