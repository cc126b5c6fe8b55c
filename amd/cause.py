"""Why a verdict fell: a code with numbers, and the sentence that it makes.

The sentences are marked for translation (`gettext_noop`, the gettext idiom for texts that are looked up later); who
shows them to people translates them with their numbers, see `leads.causes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


def gettext_noop(words: str) -> str:
    return words


class Code(StrEnum):
    """What was decisive. The values are stored with attempts: they stay."""

    OFF = "off"
    LONG_GREETING = "long_greeting"
    LONG_GREETING_WITH_PAUSES = "long_greeting_with_pauses"
    SILENCE_AFTER_SPEECH = "silence_after_speech"
    SILENCE_AT_PICKUP = "silence_at_pickup"
    TOO_LONG = "too_long"
    NOTHING_HEARD = "nothing_heard"
    ENDED_UNDECIDED = "ended_undecided"
    LIKE_A_RECORDING = "like_a_recording"
    LIKE_A_RECORDING_IN_PARTS = "like_a_recording_in_parts"
    LIKE_A_RECORDING_WITHOUT_SPEECH = "like_a_recording_without_speech"
    TONE = "tone"
    BEEP = "beep"
    SPECIAL_INFORMATION_TONE = "special_information_tone"
    FAX_ANSWER = "fax_answer"
    FAX_CALLING = "fax_calling"
    BUSY = "busy"
    BUSY_TWO_LINES = "busy_two_lines"
    RINGBACK = "ringback"
    RINGBACK_TWO_LINES = "ringback_two_lines"
    NO_ROOM = "no_room"
    NO_WORD_IN_TIME = "no_word_in_time"
    NOT_RUNNING = "not_running"
    THREE_TONES = "three_tones"
    THREE_TONES_AND_SPEECH = "three_tones_and_speech"
    CADENCE = "cadence"
    SPEECH = "speech"


SENTENCES: Mapping[Code, str] = MappingProxyType(
    {
        Code.OFF: gettext_noop("detection is off"),
        Code.LONG_GREETING: gettext_noop("%(speech)s s of speech without a pause"),
        Code.LONG_GREETING_WITH_PAUSES: gettext_noop("%(speech)s s of speech with pauses"),
        Code.SILENCE_AFTER_SPEECH: gettext_noop("%(silence)s s of silence after %(speech)s s of speech"),
        Code.SILENCE_AT_PICKUP: gettext_noop("%(silence)s s of silence at pick-up"),
        Code.TOO_LONG: gettext_noop("no decision after %(seconds)s s"),
        Code.NOTHING_HEARD: gettext_noop("nothing heard until the end"),
        Code.ENDED_UNDECIDED: gettext_noop("ended after %(seconds)s s without a decision"),
        Code.LIKE_A_RECORDING: gettext_noop(
            "%(speech)s s of speech in 1 part, %(percent)s%% like a recording"
        ),
        Code.LIKE_A_RECORDING_IN_PARTS: gettext_noop(
            "%(speech)s s of speech in %(parts)s parts, %(percent)s%% like a recording"
        ),
        Code.LIKE_A_RECORDING_WITHOUT_SPEECH: gettext_noop("no speech, %(percent)s%% like a recording"),
        Code.TONE: gettext_noop("tone"),
        Code.BEEP: gettext_noop("beep of %(hz)s Hz"),
        Code.SPECIAL_INFORMATION_TONE: gettext_noop("special information tone"),
        Code.FAX_ANSWER: gettext_noop("fax answer tone (CED 2100 Hz)"),
        Code.FAX_CALLING: gettext_noop("fax calling tone (CNG 1100 Hz)"),
        Code.BUSY: gettext_noop("busy tone (425 Hz)"),
        Code.BUSY_TWO_LINES: gettext_noop("busy tone (480 + 620 Hz)"),
        Code.RINGBACK: gettext_noop("ring-back tone (425 Hz)"),
        Code.RINGBACK_TWO_LINES: gettext_noop("ring-back tone (two lines near 440 Hz)"),
        Code.NO_ROOM: gettext_noop("the detector has room for %(calls)s calls"),
        Code.NO_WORD_IN_TIME: gettext_noop("the detector did not answer in time"),
        Code.NOT_RUNNING: gettext_noop("the detector was not running"),
        Code.THREE_TONES: gettext_noop("%(first)s, %(second)s and %(third)s Hz"),
        Code.THREE_TONES_AND_SPEECH: gettext_noop(
            "%(first)s, %(second)s and %(third)s Hz, and %(speech)s s of speech"
        ),
        Code.CADENCE: gettext_noop("%(hz)s Hz, %(on)s ms long"),
        Code.SPEECH: gettext_noop("%(speech)s s of speech"),
    }
)
"""One English sentence a code, with the names of its numbers."""

Number = int | float


@dataclass(frozen=True, slots=True)
class Cause:
    """A code and its numbers; seconds are floats with one decimal, everything else is whole."""

    code: Code
    numbers: Mapping[str, Number] = field(default_factory=dict)

    def __str__(self) -> str:
        """In English, as it is stored with an attempt."""
        return SENTENCES[self.code] % self.numbers

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        return {"code": str(self.code), **self.numbers}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Cause":
        """The cause behind `as_json`. Raises ValueError for a code that this release does not know."""
        numbers = {name: number for name, number in value.items() if name != "code"}
        return cls(Code(value["code"]), numbers)


def cause(code: Code, **numbers: float) -> Cause:
    """A cause from raw numbers: floats are rounded to the tenth that people are told."""
    return Cause(
        code, {n: round(float(x), 1) if isinstance(x, float) else int(x) for n, x in numbers.items()}
    )
