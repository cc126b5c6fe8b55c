"""The customers behind the numbers: who they are and what each of their calls does, the same in every run."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .config import Behaviour, CustomerConfig


class CustomerKind(StrEnum):
    HUMAN = "human"
    MACHINE = "machine"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    UNKNOWN_NUMBER = "unknown_number"
    UNAVAILABLE = "unavailable"
    HANGS_UP = "hangs_up"
    SILENCE = "silence"
    VACANT_NUMBER = "vacant_number"
    BUSY_TONE = "busy_tone"


KINDS_BY_LAST_DIGIT: Final[Mapping[str, CustomerKind]] = {
    "0": CustomerKind.HUMAN,
    "1": CustomerKind.MACHINE,
    "2": CustomerKind.BUSY,
    "3": CustomerKind.DECLINED,
    "4": CustomerKind.NO_ANSWER,
    "5": CustomerKind.UNKNOWN_NUMBER,
    "6": CustomerKind.UNAVAILABLE,
    "7": CustomerKind.HANGS_UP,
    "8": CustomerKind.SILENCE,
    "9": CustomerKind.HUMAN,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final response instead of an answer, with the cause for its Reason header (RFC 3326, Q.850)."""

    sip_code: int
    q850_cause: int


BUSY: Final = Refusal(486, 17)
UNKNOWN_NUMBER: Final = Refusal(404, 1)
UNAVAILABLE: Final = Refusal(503, 34)
# What the network plays says more than its code: so it is with many carriers.
AFTER_THE_SOUND: Final[Mapping[CustomerKind, Refusal]] = {
    CustomerKind.VACANT_NUMBER: Refusal(480, 18),
    CustomerKind.BUSY_TONE: Refusal(480, 18),
}
GONE_WHILE_RINGING: Final = Refusal(480, 18)
# (RFC behaviour, Asterisk's measured one): a declined call, and the PBX's own ring time-out.
DECLINED: Final[Mapping[str, Refusal]] = {"rfc": Refusal(603, 21), "asterisk": Refusal(403, 21)}
RING_TIMEOUT: Final[Mapping[str, Refusal]] = {"rfc": Refusal(480, 19), "asterisk": Refusal(603, 16)}


@dataclass(frozen=True, slots=True)
class CustomerPlan:
    """What one call to a number does. Seconds count from the INVITE, then from the answer."""

    number: str
    kind: CustomerKind
    rings: bool
    decides_after_s: float
    refusal: Refusal | None  # None: answers
    speak_after_s: float = 0.0
    hang_up_after_s: float = 0.0
    variant: int = 0  # picks the voice
    early_media: bool = False  # 183 and sound instead of 180


def customer_kind(number: str, call_count: int, config: "CustomerConfig") -> CustomerKind:
    """Who is behind `number` at its `call_count`-th call (from 1)."""
    if call_count > 1 and number[-1:] in config.second_call:
        return config.second_call[number[-1:]]
    if number in config.by_number:
        return config.by_number[number]
    return config.by_last_digit.get(number[-1:], CustomerKind.UNKNOWN_NUMBER)


def plan_call(number: str, call_count: int, config: "CustomerConfig", behaviour: "Behaviour") -> CustomerPlan:
    """The plan of one call: varied by number and by call, never by chance."""
    kind = customer_kind(number, call_count, config)
    key = f"{number}/{call_count}"
    ring_s = config.ring_s.pick(key + "/ring")
    if kind is CustomerKind.NO_ANSWER:
        return CustomerPlan(number, kind, True, config.ring_timeout_s, RING_TIMEOUT[behaviour])
    if kind is CustomerKind.DECLINED:
        return CustomerPlan(number, kind, True, ring_s, DECLINED[behaviour])
    variant = sum(number.encode())
    if kind in AFTER_THE_SOUND:
        after, refusal = config.early_media_s, AFTER_THE_SOUND[kind]
        return CustomerPlan(number, kind, False, after, refusal, variant=variant, early_media=True)
    refused = {
        CustomerKind.BUSY: BUSY,
        CustomerKind.UNKNOWN_NUMBER: UNKNOWN_NUMBER,
        CustomerKind.UNAVAILABLE: UNAVAILABLE,
    }.get(kind)
    if refused is not None:
        return CustomerPlan(number, kind, False, config.refuse_after_s.pick(key + "/refuse"), refused)
    return CustomerPlan(
        number,
        kind,
        True,
        ring_s,
        None,
        speak_after_s=config.speak_after_s.pick(key + "/speak"),
        hang_up_after_s=config.hang_up_after_s if kind is CustomerKind.HANGS_UP else config.patience_s,
        variant=variant,
    )
