"""The lock against guessing passwords: after too many wrong ones a user name is closed to that address for a while.

django-axes counts in the database, so the lock holds for all web processes and for both doors, the sign-in page
and `auth/token`. A user who signs in from elsewhere is not locked out with it. Masters see the locks and release
them; a new password releases them too.
"""

from datetime import datetime, timedelta
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_credentials
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import F, Max, QuerySet, Sum, Window
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext

from accounts import scope
from accounts.client_address import client_address
from accounts.models import SignInLock, User
from accounts.scope import Action


class LockedOutBackend(AxesStandaloneBackend):  # type: ignore[misc]
    """First of the backends: refuses a locked name before the password is looked at."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """A call without a request comes from our own code, not from a door."""
        if request is not None:
            super().authenticate(request, **credentials)


def is_locked(request: HttpRequest, username: str) -> bool:
    return bool(AxesProxyHandler.is_locked(request, get_credentials(username)))


def seconds_left(request: HttpRequest, username: str) -> int:
    """Until the lock opens by itself; at least 1."""
    tries = AccessAttempt.objects.filter(username=username, ip_address=client_address(request))
    last = tries.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    return max(1, int((opens_at(last) - timezone.now()).total_seconds()))


def words(seconds: int) -> str:
    """What the person at the door reads."""
    minutes = -(-seconds // 60)
    return ngettext(
        "Too many wrong passwords. Try again in %(count)d minute, or ask a Master to release the lock.",
        "Too many wrong passwords. Try again in %(count)d minutes, or ask a Master to release the lock.",
        minutes,
    ) % {"count": minutes}


def opens_at(last_try: datetime) -> datetime:
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    return last_try + cool_off


def with_totals(rows: QuerySet[SignInLock]) -> QuerySet[Any]:
    """Each row with `wrong` and `last_wrong` of its name and address: axes keeps a row per browser."""
    same = [F("username"), F("ip_address")]
    totals: QuerySet[Any] = rows.annotate(
        wrong=Window(Sum("failures_since_start"), partition_by=same),
        last_wrong=Window(Max("attempt_time"), partition_by=same),
    )
    return totals


def locked_until(row: Any) -> datetime | None:
    """When the lock of a row of `with_totals` opens; None when there is none (any more)."""
    until = opens_at(row.last_wrong)
    locked = row.wrong >= settings.AXES_FAILURE_LIMIT and until > timezone.now()
    return until if locked else None


def release(actor: User | None, row: SignInLock) -> None:
    """Opens the door for the row's user name and address; the count begins anew."""
    if actor is not None:
        scope.require(actor, Action.DELETE, row)
    AccessAttempt.objects.filter(username=row.username, ip_address=row.ip_address).delete()
