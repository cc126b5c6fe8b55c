"""How careful the detection is: the parameters of one campaign."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from amd.verdict import Label


@dataclass(frozen=True, slots=True)
class Profile:
    """Parameters of the detection. All times in milliseconds; they act in steps of one 20 ms frame.

    The first block holds for the rules and for the trained detector, the second for the rules only, the third for
    the trained detector only.
    """

    name: str
    enabled: bool = True
    longest_analysis_ms: int = 5500
    """After this time the call is passed on as NOTSURE."""
    silence_at_pickup_ms: int = 4000
    """Nothing heard for this long after the answer decides by `silence_at_pickup_is`."""
    silence_at_pickup_is: Label = Label.HUMAN
    """Who a silent answer counts as: HUMAN, MACHINE or NOTSURE."""
    shortest_machine_call_ms: int = 0
    """The caller keeps a machine's call up at least this long (G 2.2 has none; some regulators count short calls
    as abuse). The detector itself does not wait for it."""
    tones: bool = True
    """Whether a beep, fax, busy, ring-back or special information tone means a machine."""

    speech_for_machine_ms: int = 2800
    """This much speech in all is a recorded greeting."""
    short_utterance_ms: int = 600
    """Up to this much speech is a "hello"."""
    silence_after_short_ms: int = 1000
    """Silence after a "hello" that makes it a person waiting for an answer."""
    silence_after_long_ms: int = 1500
    """The same after a longer greeting."""

    machine_above: float = 0.985
    """Probability of a machine from which on the verdict is MACHINE, in the first 2 s."""
    machine_above_late: float = 0.975
    """The same from 4.5 s on; in between it moves evenly."""
    machine_at_end: float = 0.72
    """The same once `longest_analysis_ms` is over."""
    human_below: float = 0.29
    """Probability of a machine under which the verdict is HUMAN, after `human_silence_ms` of silence."""
    human_silence_ms: int = 1200
    human_surely_below: float = 0.055
    """The same after the shorter `human_sure_silence_ms`."""
    human_sure_silence_ms: int = 600


PROTECT_PEOPLE = Profile(
    name="protect_people",
    silence_at_pickup_ms=3000,
    speech_for_machine_ms=3800,
    silence_after_short_ms=900,
    silence_after_long_ms=1300,
    machine_above=0.995,
    machine_above_late=0.985,
    machine_at_end=0.9,
    human_below=0.35,
    human_silence_ms=1100,
    human_surely_below=0.08,
)
BALANCED = Profile(name="balanced")
FAST = Profile(
    name="fast",
    longest_analysis_ms=4500,
    silence_at_pickup_ms=2400,
    speech_for_machine_ms=2400,
    silence_after_short_ms=800,
    silence_after_long_ms=1100,
    machine_above=0.97,
    machine_above_late=0.85,
    human_below=0.4,
    human_silence_ms=1000,
    human_surely_below=0.12,
)
OFF = Profile(name="off", enabled=False)

PROFILES: Mapping[str, Profile] = MappingProxyType({p.name: p for p in (PROTECT_PEOPLE, BALANCED, FAST, OFF)})
"""The named profiles that a campaign can choose."""


def tailored(
    profile: Profile,
    *,
    silence_is: Label = Label.HUMAN,
    longest_analysis_ms: int | None = None,
    shortest_machine_call_ms: int = 0,
) -> Profile:
    """`profile` with what a campaign sets by itself. A silent call is decided before the analysis ends."""
    longest = longest_analysis_ms or profile.longest_analysis_ms
    return replace(
        profile,
        silence_at_pickup_is=silence_is,
        silence_at_pickup_ms=min(profile.silence_at_pickup_ms, longest),
        longest_analysis_ms=longest,
        shortest_machine_call_ms=shortest_machine_call_ms,
    )
