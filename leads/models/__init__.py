"""Leads, the attempts to call them, files of them, and the evidence of detections (G 6.4)."""

from leads.models.attempt import AnsweredCount, AttemptText, CallAttempt
from leads.models.evidence import AmdEvidence, AmdLabel, EvidencePolicy
from leads.models.lead import FINAL_STATUSES, Lead, LeadCount, LeadStatus, LeadText
from leads.models.upload import LeadUpload

__all__ = [
    "FINAL_STATUSES",
    "AmdEvidence",
    "AmdLabel",
    "AnsweredCount",
    "AttemptText",
    "CallAttempt",
    "EvidencePolicy",
    "Lead",
    "LeadCount",
    "LeadStatus",
    "LeadText",
    "LeadUpload",
]
