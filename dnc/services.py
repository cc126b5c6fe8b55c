"""Asking do-not-call services, and changing the embedded list (SPEC 8). Fails closed: no answer, no call."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, ProtectedError
from django.utils.translation import gettext as _

from accounts import audit, scope
from accounts.models import User
from accounts.scope import Action
from dnc import external
from dnc.bulk_load import load_numbers as load_numbers
from dnc.external import DncUnavailableError as DncUnavailableError
from dnc.models import DncNumber, DncRemoval, DncService
from dnc.number_key import number_key as number_key


def is_listed(service: DncService, number: str) -> bool:
    """Whether `number` (E.164 digits) must not be called. Raises DncUnavailableError when that can't be told."""
    if service.kind == DncService.Kind.EMBEDDED:
        return DncNumber.objects.filter(pk=int(number)).exists()
    return external.ask(service, number)


def note_failure(service_id: int, error: str, number: str) -> None:
    """A check failed: after `failures_allowed` in a row UP -> OUT_OF_SERVICE, and `check_services` asks from then on."""
    external = DncService.objects.filter(pk=service_id, kind=DncService.Kind.EXTERNAL)
    external.update(failures=F("failures") + 1, last_error=error[:1000], last_failed_number=number)
    external.filter(failures__gte=F("failures_allowed")).update(state=DncService.State.OUT_OF_SERVICE)


def note_answer(service: DncService) -> None:
    """A check was answered: failures before it were not in a row with later ones."""
    if service.failures:
        DncService.objects.filter(pk=service.pk, state=DncService.State.UP).update(failures=0, last_error="")


def check_services() -> int:
    """Asks each external service that is out of service once more; returns how many came back.

    One answer puts it back in service; until then no call waits for it.
    """
    back = 0
    for service in DncService.objects.filter(state=DncService.State.OUT_OF_SERVICE):
        try:
            is_listed(service, service.last_failed_number)
        except DncUnavailableError as error:
            DncService.objects.filter(pk=service.pk).update(last_error=str(error)[:1000])
        else:
            back += DncService.objects.filter(pk=service.pk, state=DncService.State.OUT_OF_SERVICE).update(
                state=DncService.State.UP, last_error="", failures=0
            )
    return back


def add_number(actor: User | None, number: str, reason: str = "", source: str = "") -> DncNumber:
    """Puts a number on the embedded list; a number that is there keeps its first reason and date."""
    return put_number(actor, number, reason, source)[0]


def put_number(actor: User | None, number: str, reason: str = "", source: str = "") -> tuple[DncNumber, bool]:
    """The same, and whether the number is new on the list."""
    if actor is not None:
        scope.require(actor, Action.ADD, DncNumber)
    return DncNumber.objects.get_or_create(
        number=number_key(number), defaults={"reason": reason, "source": source, "added_by": actor}
    )


@transaction.atomic
def remove_number(actor: User, number: str, reason: str) -> None:
    """Takes a number off the embedded list; who, when and why is kept."""
    scope.require(actor, Action.DELETE, DncNumber)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the number is taken off the list.")})
    key = number_key(number)
    removed, _rows = DncNumber.objects.filter(number=key).delete()
    if not removed:
        raise ValidationError({"number": _("This number is not on the list.")})
    DncRemoval.objects.create(number=key, reason=reason, removed_by=actor)


SETTINGS = (
    "name", "url", "bearer_token", "timeout_ms", "ca_certificates", "client_certificate", "failures_allowed",
)  # fmt: skip
"""Of an external service, as its creator may name them."""


@transaction.atomic
def create_service(actor: User | None, **settings: Any) -> DncService:
    """A new external service; `settings` are of SETTINGS."""
    if actor is not None:
        scope.require(actor, Action.ADD, DncService)
    service = DncService()
    _save_service(service, settings)
    audit.created(actor, service)
    return service


@transaction.atomic
def update_service(actor: User | None, service: DncService, **settings: Any) -> DncService:
    """Changes the named settings of an external service; the embedded one stays as it is (SPEC 8)."""
    if actor is not None:
        scope.require(actor, Action.CHANGE, service)
    current = DncService.objects.select_for_update().get(pk=service.pk)
    _require_external(current)
    before = audit.state(current)
    _save_service(current, settings)
    audit.changed(actor, current, before)
    return current


@transaction.atomic
def delete_service(actor: User | None, service: DncService) -> None:
    """Deletes an external service that no campaign uses."""
    if actor is not None:
        scope.require(actor, Action.DELETE, service)
    _require_external(service)
    audit.deleted(actor, service)
    try:
        service.delete()
    except ProtectedError as error:
        raise ValidationError(_("A campaign uses this service. Choose another one there first.")) from error


def _require_external(service: DncService) -> None:
    if service.kind == DncService.Kind.EMBEDDED:
        raise ValidationError(_("The embedded service can be neither changed nor deleted."))


def _save_service(service: DncService, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        assert name in SETTINGS
        setattr(service, name, value)
    if not service.url.lower().startswith("https://"):
        raise ValidationError({"url": _("The address must begin with https://.")})
    service.full_clean()
    external.tls(service.ca_certificates, service.client_certificate)
    service.save()


@dataclass(frozen=True, slots=True)
class ServiceTest:
    """What a service answered to a test: `listed` is None and `error` says why when it can't be told."""

    listed: bool | None
    error: str
    elapsed_ms: int


def test_service(actor: User | None, service: DncService, number: str) -> ServiceTest:
    """Asks the service about `number` now; changes nothing."""
    if actor is not None:
        scope.require(actor, Action.CHANGE, service)
    key, began = str(number_key(number)), monotonic()
    listed, error = None, ""
    try:
        listed = is_listed(service, key)
    except DncUnavailableError as failure:
        error = str(failure)
    return ServiceTest(listed, error, round((monotonic() - began) * 1000))
