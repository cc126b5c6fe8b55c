"""How right the detector is: its verdicts beside what people heard, and those calls as training data."""

import csv
import io
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO

from django.db.models import Count, QuerySet

from accounts.export import plain
from amd.files import wav_from_ulaw
from leads.models import AmdLabel

VERDICTS = ("HUMAN", "NOTSURE", "MACHINE")
LONGEST_EXPORT = 20_000
"""Clips of one export: about a gigabyte before it is packed."""
COLUMNS = ("path", "label", "speaker", "verdict", "cause", "decision_ms", "campaign", "labelled_at")
_Z = 1.959964  # of a normal distribution, 95 %


@dataclass
class Confusion:
    """Labelled calls of one campaign, or of all: `counts[label, verdict]`."""

    name: str
    campaign: int | None = None
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, label: str, verdict: str, count: int) -> None:
        self.counts[label, verdict] = self.counts.get((label, verdict), 0) + count

    def row(self, label: str) -> list[int]:
        """The calls with this label, by verdict in the order of VERDICTS."""
        return [self.counts.get((label, verdict), 0) for verdict in VERDICTS]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def people_called_machines(self) -> "Share":
        return Share(self.counts.get(("HUMAN", "MACHINE"), 0), sum(self.row("HUMAN")))

    @property
    def machines_found(self) -> "Share":
        return Share(self.counts.get(("MACHINE", "MACHINE"), 0), sum(self.row("MACHINE")))


@dataclass(frozen=True)
class Share:
    """`part` of `whole` calls."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        return 100 * self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Percent between which the true share lies with 95 % confidence (Wilson's score interval)."""
        if not self.whole:
            return None
        n, p = self.whole, self.part / self.whole
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def confusion(labels: QuerySet[AmdLabel], overall: str) -> list[Confusion]:
    """The matrix of all `labels`, named `overall`, then those of each campaign by name."""
    everything = Confusion(overall)
    campaigns: dict[tuple[int | None, str], Confusion] = {}
    counted = (
        labels.order_by()
        .values_list("attempt__campaign", "attempt__campaign_name", "heard", "attempt__amd_verdict")
        .annotate(Count("pk"))
    )
    for campaign, name, label, verdict, count in counted:
        key = (campaign, "" if campaign else name)  # a campaign may have been renamed
        one = campaigns.setdefault(key, Confusion(name, campaign))
        for matrix in (everything, one):
            matrix.add(label, verdict, count)
    return [everything, *sorted(campaigns.values(), key=lambda matrix: matrix.name.lower())]


def write_clips(file: IO[bytes], labels: QuerySet[AmdLabel]) -> int:
    """Writes a ZIP with `labels.csv` and a WAV of each labelled call whose sound is kept; returns how many.

    The form that `manage.py amd_train` reads. No numbers and names are in it: the speaker is the lead's id.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    count = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for row, sound in _clips(labels):
            archive.writestr(row[0], wav_from_ulaw(sound))
            writer.writerow(row)
            count += 1
        archive.writestr("labels.csv", table.getvalue())
    return count


def _clips(labels: QuerySet[AmdLabel]) -> Iterable[tuple[list[str], bytes]]:
    kept = labels.filter(attempt__amd_evidence__sound__isnull=False).order_by("pk")
    chosen = kept.select_related("attempt__amd_evidence")[:LONGEST_EXPORT]
    for label in chosen.iterator(chunk_size=200):
        attempt = label.attempt
        yield (
            [
                f"clips/attempt-{attempt.pk}.wav",
                label.heard.lower(),
                f"lead-{attempt.lead_id or attempt.pk}",
                attempt.amd_verdict,
                plain(attempt.amd_cause),
                str(attempt.amd_decision_ms or ""),
                plain(attempt.campaign_name),
                label.labelled_at.isoformat(timespec="seconds"),
            ],
            bytes(attempt.amd_evidence.sound or b""),
        )
