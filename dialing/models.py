"""What the processes tell about themselves: kept counters, and the latest numbers of each process."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Repair(models.TextChoices):
    """What recovery and the reconciler put right. Each one has a line in a log."""

    ATTEMPT_LAPSED = "attempt_lapsed", _("Attempt of a worker that went away ended")
    PORT_LAPSED = "port_lapsed", _("Port of a worker that went away freed")
    LEAD_FREED = "lead_freed", _("Lead in a call without an open attempt put back")
    LEAD_HELD = "lead_held", _("Lead with an open attempt taken out of the pool")
    PORT_FREED = "port_freed", _("Port without a worker marked as free")
    CALL_HUNG_UP = "call_hung_up", _("Call without an attempt hung up")
    SOCKET_CLOSED = "socket_closed", _("Audio socket without a call closed")
    WAIT_ENDED = "wait_ended", _("Port of an ended attempt given back")
    RESERVATION_ENDED = "reservation_ended", _("Reservation of an ended attempt released")


class Tally(models.Model):
    """A counter that only grows, summed over all processes and their restarts."""

    name = models.CharField(max_length=40)
    label = models.CharField(max_length=60, blank=True)
    value = models.FloatField(default=0)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "label"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.label}: {self.value:g}"


class ProcessReport(models.Model):
    """The latest numbers of one process; a process that went away stops reporting."""

    name = models.CharField(max_length=128, primary_key=True)
    """`host:pid` with the kind before it."""
    kind = models.CharField(max_length=12)
    reported_at = models.DateTimeField()
    numbers = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name
