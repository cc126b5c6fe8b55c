"""What the detector heard in one call, as a picture with words: for the attempt's page."""

import base64
import math
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from amd.plots import seconds, spectrogram_png, waveform
from leads.causes import verdict_cause
from leads.models import AmdEvidence, AmdLabel, CallAttempt

LEFT, WIDTH = 88, 900
"""Of the picture in its own units: where time begins, and how long the time axis is."""
_COLUMNS = 450
_WAVE, _SPECTRUM, _MARKS, _CURVE = 96, 128, 24, 88
_GAP = 14


@dataclass(frozen=True)
class Band:
    """One strip of the picture: its words, top and height."""

    words: str
    top: int
    height: int

    @property
    def middle(self) -> float:
        return self.top + self.height / 2

    @property
    def bottom(self) -> int:
        return self.top + self.height


def evidence_card(attempt: CallAttempt) -> dict[str, Any] | None:
    """Context of `dialer/evidence.html`; None when the call was not analysed."""
    if not attempt.amd_verdict:
        return None
    kept = AmdEvidence.objects.filter(attempt=attempt).first()
    sound = bytes(kept.sound) if kept is not None and kept.sound else b""
    heard = kept.heard if kept is not None else {}
    return {
        "attempt": attempt,
        "verdict": verdict_words(attempt.amd_verdict),
        "cause": verdict_cause(attempt),
        "tone": {"HUMAN": "good", "MACHINE": "info"}.get(attempt.amd_verdict, "warn"),
        "after": _seconds(attempt.amd_decision_ms),
        "kept": kept,
        "has_sound": bool(sound),
        "picture": _picture(attempt, heard, sound) if kept is not None else None,
        "by_rules": kept is not None and not heard.get("machine"),
        "cues": [(name.replace("_", " "), f"{value:g}") for name, value in heard.get("cues", {}).items()],
        "label": AmdLabel.objects.filter(attempt=attempt).select_related("labelled_by").first(),
    }


def verdict_words(verdict: str) -> str:
    words = {"HUMAN": _("Person"), "MACHINE": _("Machine"), "NOTSURE": _("Not sure: counts as a person")}
    return words.get(verdict, verdict)


def _seconds(ms: int | None) -> str:
    return "" if ms is None else _("%(seconds).1f s after the answer") % {"seconds": ms / 1000}


def _picture(attempt: CallAttempt, heard: dict[str, Any], sound: bytes) -> dict[str, Any]:
    decision = attempt.amd_decision_ms or 0
    longest = max(heard.get("heard_ms", 0), decision, round(seconds(sound) * 1000), 1000)
    span = math.ceil(longest / 500) * 500

    def x(ms: float) -> float:
        return float(round(LEFT + WIDTH * min(ms, span) / span, 1))

    bands = _bands(bool(sound), bool(heard.get("machine")))
    bottom = max(band.bottom for band in bands.values())
    picture: dict[str, Any] = {
        "left": LEFT,
        "right": LEFT + WIDTH,
        "bottom": bottom,
        "height": bottom + 26,
        "bands": bands,
        "span_ms": span,
        "time_width": WIDTH,
        "seconds": [(x(1000 * s), s) for s in range(span // 1000 + 1)],
        "speech": _stretches(heard.get("speech", []), x),
        "tones": [
            (x(tone["start_ms"]), x(tone["start_ms"] + tone["length_ms"]), _tone_words(tone))
            for tone in heard.get("tones", [])
        ],
        "decision": x(decision) if attempt.amd_decision_ms is not None else None,
        "decision_is_late": decision > span * 0.7,
        "decision_words": f"{verdict_words(attempt.amd_verdict).split(':')[0]}, {decision / 1000:.1f} s",
    }
    if sound:
        length = seconds(sound) * 1000
        picture["wave"] = _wave(sound, bands["wave"], x, length)
        picture["spectrogram"] = base64.b64encode(spectrogram_png(sound)).decode()
        picture["sound_width"] = round(x(length) - LEFT, 1)
    if heard.get("machine"):
        picture["curve"] = _curve(heard["machine"], bands["curve"], x)
    return picture


def _bands(has_sound: bool, has_curve: bool) -> dict[str, Band]:
    wanted = [("wave", _("Sound"), _WAVE), ("spectrum", _("0 to 4 kHz"), _SPECTRUM)] if has_sound else []
    wanted.append(("marks", _("Heard"), _MARKS))
    if has_curve:
        wanted.append(("curve", _("Machine?"), _CURVE))
    bands, top = {}, 26
    for name, words, height in wanted:
        bands[name] = Band(words, top, height)
        top += height + _GAP
    return bands


def _stretches(spans: list[list[int]], x: Any) -> list[tuple[float, float]]:
    """Speech as (x, width)."""
    return [(x(start), round(max(x(end) - x(start), 1), 1)) for start, end in spans]


def _wave(sound: bytes, band: Band, x: Any, length_ms: float) -> str:
    """The outline of the waveform, made taller until the loudest sample fills the strip."""
    parts = waveform(sound, _COLUMNS)
    loudest = max(0.02, *(max(-low, high) for low, high in parts))
    half = band.height / 2

    def points(side: int) -> list[str]:
        return [
            f"{x(length_ms * (i + 0.5) / _COLUMNS)},{band.middle - half * part[side] / loudest:.1f}"
            for i, part in enumerate(parts)
        ]

    return " ".join([*points(1), *reversed(points(0))])


def _curve(shares: list[float], band: Band, x: Any) -> list[str]:
    """The probability of a machine every 100 ms; 0 stands for a moment at which nothing was asked."""
    asked = [(i, share) for i, share in enumerate(shares) if share]
    points = [f"{x(100 * (i + 1))},{band.bottom - band.height * share:.1f}" for i, share in asked]
    return [" ".join(points)] if points else []


def _tone_words(tone: dict[str, Any]) -> str:
    both = f" + {tone['other_hz']:.0f}" if tone.get("other_hz") else ""
    return f"{tone['hz']:.0f}{both} Hz, {tone['length_ms']} ms"
