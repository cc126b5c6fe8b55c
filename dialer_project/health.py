"""Whether the parts work: `/healthz` (this process), `/readyz` (what dialing needs), and the Masters' overview.

Each check returns plain words or nothing; none of them raises, and none waits long.
"""

from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dialing import ports
from dialing.engine import leader
from dialing.leases import database_time
from telephony.models import DialerPort


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part."""

    part: str
    ok: bool
    words: str


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the web process answers."""
    return JsonResponse({"status": "up"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything stands that dialing needs, else 503; either way what was found of each part."""
    checks = examine()
    ready = all(check.ok for check in checks)
    body = {
        "status": "ready" if ready else "not ready",
        "parts": {check.part: {"ok": check.ok, "detail": check.words} for check in checks},
    }
    return JsonResponse(body, status=200 if ready else 503)


def examine() -> list[Check]:
    """Database, broker, engine leader, ports."""
    database = _database()
    rest: list[tuple[str, Callable[[], Check]]] = [("engine", _engine), ("ports", _ports)]
    if database.ok:
        return [database, _broker(), *(check() for _name, check in rest)]
    unknown = _("Not known while the database does not answer.")
    return [database, _broker(), *(Check(name, False, unknown) for name, _check in rest)]


PART_NAMES = {
    "database": gettext_lazy("Database"),
    "broker": gettext_lazy("Broker"),
    "engine": gettext_lazy("Engine"),
    "ports": gettext_lazy("Dialer ports"),
}


def _database() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return Check("database", False, _("PostgreSQL does not answer."))
    return Check("database", True, _("PostgreSQL answers."))


def _broker() -> Check:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    except redis.RedisError:
        return Check("broker", False, _("Valkey does not answer."))
    finally:
        client.close()
    return Check("broker", True, _("Valkey answers."))


def _engine() -> Check:
    if leader.is_there_one():
        return Check("engine", True, _("An engine leads."))
    return Check("engine", False, _("No engine runs: nobody is dialed."))


def _ports() -> Check:
    enabled = DialerPort.objects.filter(enabled=True).count()
    registered = ports.registered(database_time()).count()
    if not enabled:
        return Check("ports", False, _("No dialer port is enabled."))
    words = _("%(registered)d of %(enabled)d enabled ports are registered.")
    return Check("ports", registered > 0, words % {"registered": registered, "enabled": enabled})
