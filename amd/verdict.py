"""What the detector says about a call."""

from dataclasses import dataclass
from enum import StrEnum


class Label(StrEnum):
    """Who answered. NOTSURE passes the call on, as HUMAN does (SPEC 7: only a machine is hung up on)."""

    HUMAN = "HUMAN"
    MACHINE = "MACHINE"
    NOTSURE = "NOTSURE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one call.

    `cause` is a phrase for people ("3.0 s of speech"); `decision_ms` is the time from the first frame after the
    answer to the decision, in milliseconds.
    """

    label: Label
    cause: str
    decision_ms: int

    @property
    def is_machine(self) -> bool:
        """Whether the call should be hung up on."""
        return self.label is Label.MACHINE
