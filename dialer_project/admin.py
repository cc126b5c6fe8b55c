"""Registers the pages; found by Django's autodiscovery. The classes stand above the apps, so that no app
imports upwards (the floors of `pyproject.toml`)."""

from dialer_project.pages import attempts, campaigns, dnc, groups, leads, schedules, telephony, uploads, users

__all__ = ["attempts", "campaigns", "dnc", "groups", "leads", "schedules", "telephony", "uploads", "users"]
