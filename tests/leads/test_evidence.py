"""What is kept of analysed calls, who may label them, and when they are forgotten."""

import csv
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts.models import Role
from amd.training import read_clips
from leads import detection, evidence
from leads.detection import Confusion, Share
from leads.models import AmdEvidence, AmdLabel, CallAttempt, EvidencePolicy
from tests import factories as make

pytestmark = pytest.mark.django_db

HEARD: dict[str, Any] = {"heard_ms": 3000, "speech": [[400, 900]], "tones": [], "cues": {}, "machine": [0.5]}
SOUND = b"\x80" * 24000


def ended(verdict: str = "HUMAN", **fields: Any) -> CallAttempt:
    values = {"state": "ENDED", "result": "SUCCESS", "ended_at": timezone.now(), "amd_verdict": verdict}
    return make.make_attempt(**{**values, **fields})


def keep_sound(choice: str, **more: int) -> None:
    evidence.change_policy(None, keep_sound=choice, **more)


@pytest.mark.parametrize(
    ("choice", "of_people", "of_machines"),
    [("NONE", False, False), ("MACHINES", False, True), ("ALL", True, True)],
)
def test_the_policy_says_of_which_calls_the_sound_is_kept(
    choice: str, of_people: bool, of_machines: bool
) -> None:
    keep_sound(choice)
    for verdict, expected in (("HUMAN", of_people), ("NOTSURE", of_people), ("MACHINE", of_machines)):
        attempt = ended(verdict)
        evidence.keep(attempt.pk, verdict, HEARD, SOUND)
        kept = AmdEvidence.objects.get(attempt=attempt)
        assert kept.heard == HEARD
        assert (kept.sound is not None) == expected, verdict


def test_without_a_word_of_a_master_no_sound_is_kept() -> None:
    attempt = ended("MACHINE")
    evidence.keep(attempt.pk, "MACHINE", HEARD, SOUND)
    assert AmdEvidence.objects.get().sound is None


def test_evidence_is_written_once_and_never_for_an_attempt_that_is_gone() -> None:
    attempt = ended()
    evidence.keep(attempt.pk, "HUMAN", HEARD, SOUND)
    evidence.keep(attempt.pk, "HUMAN", {**HEARD, "heard_ms": 1}, SOUND)
    evidence.keep(attempt.pk + 1000, "HUMAN", HEARD, SOUND)
    assert AmdEvidence.objects.get().heard["heard_ms"] == 3000


def test_sounds_go_first_then_the_rest_and_labels_stay() -> None:
    keep_sound("ALL", sound_days=10, evidence_days=20)
    now = timezone.now()
    attempts = [ended() for _ in range(3)]
    for attempt, days in zip(attempts, (5, 15, 25), strict=True):
        evidence.keep(attempt.pk, "HUMAN", HEARD, SOUND)
        evidence.label(None, attempt, "HUMAN")
        AmdEvidence.objects.filter(attempt=attempt).update(kept_at=now - timedelta(days=days))
    assert evidence.forget(now) == (1, 1)
    left = {kept.attempt_id: kept.sound is not None for kept in AmdEvidence.objects.all()}
    assert left == {attempts[0].pk: True, attempts[1].pk: False}
    assert AmdLabel.objects.count() == CallAttempt.objects.count() == 3
    assert evidence.forget(now) == (0, 0)


def test_only_masters_change_the_policy_and_only_to_sound_values() -> None:
    with pytest.raises(PermissionDenied):
        evidence.change_policy(make.make_user(), keep_sound="ALL")
    master = make.make_user(Role.MASTER, [])
    assert evidence.change_policy(master, keep_sound="ALL", sound_days=7).sound_days == 7
    for wrong in ({"sound_days": 0}, {"evidence_days": 4000}, {"keep_sound": "SOME"}):
        with pytest.raises(ValidationError):
            evidence.change_policy(master, **wrong)
    assert EvidencePolicy.objects.get().sound_days == 7


def test_administrators_of_the_group_label_and_change_their_mind() -> None:
    attempt = ended("MACHINE")
    ana, bob = (make.make_user(groups=[attempt.group]) for _ in range(2))
    label = evidence.label(ana, attempt, "MACHINE")
    assert label is not None
    assert (label.heard, label.labelled_by) == ("MACHINE", ana)
    evidence.label(bob, attempt, "HUMAN")
    latest = AmdLabel.objects.get()
    assert (latest.heard, latest.labelled_by) == ("HUMAN", bob)
    assert evidence.label(ana, attempt, "") is None
    assert not AmdLabel.objects.exists()


def test_nobody_else_labels() -> None:
    attempt = ended()
    strangers = [
        make.make_user(),
        make.make_user(Role.CAMPAIGN_SUPERVISOR, [attempt.group]),
        make.make_user(Role.MANAGER, [attempt.group]),
        make.make_user(Role.MASTER, []),
    ]
    for user in strangers:
        with pytest.raises(PermissionDenied):
            evidence.label(user, attempt, "HUMAN")


def test_a_label_is_a_person_or_a_machine_on_an_analysed_call() -> None:
    with pytest.raises(ValidationError):
        evidence.label(None, ended(), "ROBOT")
    with pytest.raises(ValidationError):
        evidence.label(None, ended(""), "HUMAN")


# Values of Wilson's interval: Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_the_confidence_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    interval = Share(part, whole).interval
    assert interval is not None
    assert interval == pytest.approx((low, high), abs=0.01)


def test_a_share_of_nothing_is_none() -> None:
    assert Share(0, 0).percent is None
    assert Share(0, 0).interval is None


def test_labels_are_counted_against_verdicts_by_campaign() -> None:
    group = make.make_group()
    first, second = (make.make_campaign(name=name, group=group) for name in ("Autumn", "Winter"))
    told = [("HUMAN", "HUMAN"), ("HUMAN", "MACHINE"), ("MACHINE", "MACHINE"), ("MACHINE", "NOTSURE")]
    for campaign, labels in ((first, told), (second, told[:2])):
        for heard, verdict in labels:
            evidence.label(None, ended(verdict, lead=make.make_lead(campaign)), heard)
    everything, autumn, winter = detection.confusion(AmdLabel.objects.all(), "All")
    assert (everything.total, autumn.total, winter.total) == (6, 4, 2)
    assert everything.row("HUMAN") == [2, 0, 2]
    assert everything.row("MACHINE") == [0, 1, 1]
    assert everything.people_called_machines == Share(2, 4)
    assert winter.machines_found == Share(0, 0)
    assert isinstance(autumn, Confusion)
    assert (autumn.name, winter.name) == ("Autumn", "Winter")


def test_the_export_is_what_the_training_reads(tmp_path: Path) -> None:
    keep_sound("ALL")
    for heard, verdict, kept in (
        ("HUMAN", "MACHINE", True),
        ("MACHINE", "MACHINE", True),
        ("HUMAN", "HUMAN", False),
    ):
        attempt = ended(verdict, amd_cause="=1+1", phone_number="554100000100")
        evidence.label(None, attempt, heard)
        if kept:
            evidence.keep(attempt.pk, verdict, HEARD, SOUND)
    file = io.BytesIO()
    assert detection.write_clips(file, AmdLabel.objects.all()) == 2
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
    table = (tmp_path / "labels.csv").read_text()
    assert "554100000100" not in table
    assert [row["cause"] for row in csv.DictReader(io.StringIO(table))] == ["'=1+1", "'=1+1"]
    clips = read_clips(tmp_path / "labels.csv")
    assert clips.machine.tolist() == [False, True]
    assert clips.frames.tolist() == [150, 150]
