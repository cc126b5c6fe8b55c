"""The history table beside each model whose changes are kept (django-simple-history), and what each row says besides
the snapshot. Rows are written by `accounts.audit` alone.
"""

from typing import Any

from django.db import models
from django.db.models.signals import post_delete, post_save, pre_delete
from simple_history.models import HistoricalRecords


class Recorded(models.Model):
    """Who did it and through which door, in words that outlive the user and the object."""

    history_actor = models.CharField(max_length=150)
    """User name as it was then; empty for the operator at the shell."""
    history_door = models.CharField(max_length=5)
    history_address = models.GenericIPAddressField(null=True)
    history_object_name = models.CharField(max_length=255)
    history_words = models.JSONField(default=list)
    """`[name, old, new]` of each changed field as words; of a secret only the name."""

    class Meta:
        abstract = True


class History(HistoricalRecords):  # type: ignore[misc]  # django-simple-history has no types
    """A history table that no signal writes.

    Services say what a person did. The engine's own updates write no history, and deleting a campaign does not load
    its leads to take a snapshot of each.
    """

    def __init__(self, *without: str) -> None:
        """`without`: fields that are secret, or that the engine writes."""
        super().__init__(bases=[Recorded], excluded_fields=list(without))

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        super().finalize(sender, **kwargs)
        if self.cls is sender:
            post_save.disconnect(self.post_save, sender=sender)
            post_delete.disconnect(self.post_delete, sender=sender)
            pre_delete.disconnect(self.pre_delete, sender=sender)
