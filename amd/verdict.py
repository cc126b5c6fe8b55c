"""What the detector says about a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from amd.cause import Cause


class Label(StrEnum):
    """Who answered. NOTSURE passes the call on, as HUMAN does (SPEC 7: only a machine is hung up on)."""

    HUMAN = "HUMAN"
    MACHINE = "MACHINE"
    NOTSURE = "NOTSURE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one call; `decision_ms` is the time from the first frame after the answer to the decision,
    in milliseconds."""

    label: Label
    why: Cause
    decision_ms: int

    @property
    def cause(self) -> str:
        """Why, as an English phrase ("3.0 s of speech without a pause")."""
        return str(self.why)

    @property
    def is_machine(self) -> bool:
        """Whether the call should be hung up on."""
        return self.label is Label.MACHINE

    def as_json(self) -> dict[str, Any]:
        return {"label": str(self.label), "why": self.why.as_json(), "decision_ms": self.decision_ms}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Verdict":
        return cls(Label(value["label"]), Cause.from_json(value["why"]), value["decision_ms"])
