"""What is kept of analysed calls: written after the call, labelled by people, forgotten in time."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, scope
from accounts.models import User
from accounts.scope import Action
from leads.models import AmdEvidence, AmdLabel, CallAttempt, EvidencePolicy

logger = logging.getLogger(__name__)

AT_ONCE = 1000
"""Rows that one statement forgets: a backlog must not hold locks for long."""


def policy() -> EvidencePolicy:
    """The installation's policy; the defaults while nobody has saved one."""
    return EvidencePolicy.objects.filter(pk=1).first() or EvidencePolicy(pk=1)


def save_defaults() -> EvidencePolicy:
    """The policy's row, written if there is none."""
    return EvidencePolicy.objects.get_or_create(pk=1)[0]


@transaction.atomic
def change_policy(actor: User | None, **changes: Any) -> EvidencePolicy:
    """New settings for calls from now on; what is kept already follows the new retention."""
    if actor is not None:
        scope.require(actor, Action.CHANGE, EvidencePolicy)
    current = policy()
    before = audit.state(current)
    for name, value in changes.items():
        setattr(current, name, value)
    current.full_clean(validate_unique=False, validate_constraints=False)
    current.save()
    audit.changed(actor, current, before)
    return current


def keep(attempt_id: int, verdict: str, heard: dict[str, Any], sound: bytes) -> None:
    """Writes the evidence of an ended call; `sound` (mu-law) only if the policy keeps it.

    A second write, and an attempt that is gone, change nothing.
    """
    choice = policy().keep_sound
    wanted = choice == EvidencePolicy.KeepSound.ALL or (
        choice == EvidencePolicy.KeepSound.MACHINES and verdict == AmdLabel.Heard.MACHINE
    )
    if CallAttempt.objects.filter(pk=attempt_id).exists():
        AmdEvidence.objects.bulk_create(
            [AmdEvidence(attempt_id=attempt_id, heard=heard, sound=sound if wanted and sound else None)],
            ignore_conflicts=True,
        )


def label(actor: User | None, attempt: CallAttempt, heard: str) -> AmdLabel | None:
    """Says who really answered; an empty `heard` takes the label back. The latest one counts."""
    if actor is not None:
        scope.require(actor, Action.VIEW, attempt)
        scope.require(actor, Action.CHANGE, AmdLabel)
    if not attempt.amd_verdict:
        raise ValidationError(_("This call was not analysed."))
    if not heard:
        AmdLabel.objects.filter(attempt=attempt).delete()
        return None
    if heard not in AmdLabel.Heard.values:
        raise ValidationError(_("Say whether it was a person or a machine."))
    found, _new = AmdLabel.objects.update_or_create(
        attempt=attempt, defaults={"heard": heard, "labelled_by": actor, "labelled_at": timezone.now()}
    )
    return found


def forget(now: datetime) -> tuple[int, int]:
    """Deletes what is older than the policy allows; returns how many sounds and how many records went."""
    rules = policy()
    records = 0
    while gone := _forget_records(now - timedelta(days=rules.evidence_days)):
        records += gone
    sounds = 0
    while gone := _forget_sounds(now - timedelta(days=rules.sound_days)):
        sounds += gone
    if sounds or records:
        logger.info("Forgot %d sounds and %d records of detections.", sounds, records)
    return sounds, records


def _forget_records(before: datetime) -> int:
    old = AmdEvidence.objects.filter(kept_at__lt=before).order_by("kept_at")[:AT_ONCE]
    return AmdEvidence.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def _forget_sounds(before: datetime) -> int:
    old = AmdEvidence.objects.filter(kept_at__lt=before, sound__isnull=False).order_by("kept_at")[:AT_ONCE]
    chosen = AmdEvidence.objects.filter(pk__in=list(old.values_list("pk", flat=True)))
    return chosen.update(sound=None)
