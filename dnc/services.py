"""Asking do-not-call services, and changing the embedded list (SPEC 8). Fails closed: no answer, no call."""

from dataclasses import dataclass
from time import monotonic

import httpx
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from accounts import audit, scope
from accounts.models import User
from accounts.scope import Action
from dnc.bulk_load import load_numbers as load_numbers
from dnc.models import DncNumber, DncRemoval, DncService
from dnc.number_key import number_key as number_key


class DncUnavailableError(Exception):
    """The service is unreachable, slow or answered wrongly: nobody may be dialed on its word."""


def is_listed(service: DncService, number: str) -> bool:
    """Whether `number` (E.164 digits) must not be called. Raises DncUnavailableError when that can't be told."""
    if service.kind == DncService.Kind.EMBEDDED:
        return DncNumber.objects.filter(pk=int(number)).exists()
    return _ask(service, number)


def _ask(service: DncService, number: str) -> bool:
    headers = {"Authorization": f"Bearer {service.bearer_token}"} if service.bearer_token else {}
    try:
        answer = httpx.post(
            f"{service.url.rstrip('/')}/donotcall",
            json={"number": number},
            headers=headers,
            timeout=service.timeout_ms / 1000,
        )
        answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise DncUnavailableError(f"{service.name}: {error or type(error).__name__}") from error
    verdict = body.get("doNotCall") if isinstance(body, dict) else None
    if answer.status_code != httpx.codes.OK or not isinstance(verdict, bool) or body.get("number") != number:
        raise DncUnavailableError(f"{service.name}: the answer is not the one agreed: {answer.text[:200]}")
    return verdict


def mark_out_of_service(service_id: int, error: str, number: str) -> None:
    """UP -> OUT_OF_SERVICE after a failed check; `check_services` asks again with the same number."""
    DncService.objects.filter(pk=service_id, kind=DncService.Kind.EXTERNAL).update(
        state=DncService.State.OUT_OF_SERVICE, last_error=error[:1000], last_failed_number=number
    )


def check_services() -> int:
    """Asks each external service that is out of service once more; returns how many came back."""
    back = 0
    for service in DncService.objects.filter(state=DncService.State.OUT_OF_SERVICE):
        try:
            is_listed(service, service.last_failed_number)
        except DncUnavailableError as error:
            DncService.objects.filter(pk=service.pk).update(last_error=str(error)[:1000])
        else:
            back += DncService.objects.filter(pk=service.pk, state=DncService.State.OUT_OF_SERVICE).update(
                state=DncService.State.UP, last_error=""
            )
    return back


def add_number(actor: User | None, number: str, reason: str = "", source: str = "") -> DncNumber:
    """Puts a number on the embedded list; a number that is there keeps its first reason and date."""
    if actor is not None:
        scope.require(actor, Action.ADD, DncNumber)
    row, _created = DncNumber.objects.get_or_create(
        number=number_key(number), defaults={"reason": reason, "source": source, "added_by": actor}
    )
    return row


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


@transaction.atomic
def create_service(
    actor: User | None, *, name: str, url: str, bearer_token: str = "", timeout_ms: int = 2000
) -> DncService:
    """A new external service."""
    if actor is not None:
        scope.require(actor, Action.ADD, DncService)
    service = DncService(name=name, url=url, bearer_token=bearer_token, timeout_ms=timeout_ms)
    _save_service(service)
    audit.created(actor, service)
    return service


@transaction.atomic
def update_service(
    actor: User | None, service: DncService, *, name: str, url: str, bearer_token: str, timeout_ms: int
) -> DncService:
    """Changes an external service; the embedded one stays as it is (SPEC 8)."""
    if actor is not None:
        scope.require(actor, Action.CHANGE, service)
    current = DncService.objects.select_for_update().get(pk=service.pk)
    _require_external(current)
    before = audit.state(current)
    current.name, current.url = name, url
    current.bearer_token, current.timeout_ms = bearer_token, timeout_ms
    _save_service(current)
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


def _save_service(service: DncService) -> DncService:
    if not service.url.lower().startswith("https://"):
        raise ValidationError({"url": _("The address must begin with https://.")})
    service.full_clean()
    service.save()
    return service


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
