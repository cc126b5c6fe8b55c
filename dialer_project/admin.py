"""Registers the pages; found by Django's autodiscovery. The classes stand above the apps, so that no app
imports upwards (the floors of `pyproject.toml`)."""

from django.contrib import admin
from django.contrib.auth.models import Group

from dialer_project.pages import (
    attempts,
    campaigns,
    changes,
    dnc,
    dnc_services,
    dnc_uploads,
    evidence_policy,
    groups,
    lead_uploads,
    leads,
    locks,
    results,
    schedules,
    telephony,
    users,
)

admin.site.unregister(
    Group
)  # Django's own groups have no meaning here: rights follow from role and dialer groups

__all__ = [
    "attempts",
    "campaigns",
    "changes",
    "dnc",
    "dnc_services",
    "dnc_uploads",
    "evidence_policy",
    "groups",
    "lead_uploads",
    "leads",
    "locks",
    "results",
    "schedules",
    "telephony",
    "users",
]
