"""What a calls worker reads and writes in the database besides the attempts' states; its records process runs it."""

from django.db.models.functions import Now

from campaigns.models import Campaign
from dialing import ports
from dialing.leases import LEASE, database_time
from dialing.ports import LeasedPort
from leads.models import CallAttempt


def keep_ports(worker: str, capacity: int) -> list[LeasedPort]:
    """The worker's ports, with their leases renewed; takes more while it has fewer than `capacity`."""
    return ports.keep_ports(worker, capacity, database_time())


def renew(attempt_ids: list[int]) -> set[int]:
    """Renews the leases of these attempts; returns those that are not ours any more: recovery has ended them."""
    if not attempt_ids:
        return set()
    mine = CallAttempt.objects.filter(pk__in=attempt_ids, ended_at=None)
    mine.update(lease_until=Now() + LEASE)
    return set(attempt_ids) - set(mine.values_list("pk", flat=True))


def started(campaigns: set[int]) -> set[int]:
    """Those of the campaigns that are started."""
    found = Campaign.objects.filter(pk__in=campaigns, state=Campaign.State.STARTED)
    return set(found.values_list("pk", flat=True))
