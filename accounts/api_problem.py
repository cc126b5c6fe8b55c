"""Errors of the API as `application/problem+json` (RFC 9457): `type, title, status, detail, errors[{field, reason}]`."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models.deletion import ProtectedError, RestrictedError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.api_formats import TooLarge
from accounts.audit import StaleError
from accounts.database_away import RETRY_AFTER, is_away

CONTENT_TYPE = "application/problem+json"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What was wrong (RFC 9457). `errors` names each wrong field; `field` is null for the whole.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "nullable": True},
                    "reason": {"type": "string"},
                },
                "required": ["field", "reason"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "errors"],
}


class Conflict(exceptions.APIException):
    """The request is fine, the state of things forbids it."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Stale(exceptions.APIException):
    """If-Match names a state that is not the latest any more."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"


class Unavailable(exceptions.APIException):
    """The database can't be reached; `wait` becomes Retry-After."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    wait = RETRY_AFTER


def unavailable_words() -> str:
    return _(
        "The database does not answer. Try again in a few seconds; what you have just sent may not have been kept."
    )


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST_FRAMEWORK's EXCEPTION_HANDLER. None, for what is our own fault, lets Django log and answer 500."""
    error = _translated(error)
    response = exception_handler(error, context)
    if response is None:
        return None
    errors = list(_errors(response.data)) if isinstance(error, exceptions.ValidationError) else []
    if errors:
        detail = " ".join(dict.fromkeys(str(entry["reason"]) for entry in errors))
    else:
        detail = str(response.data.get("detail", ""))
    response.data = problem(response.status_code, _code(error), detail, errors)
    response.content_type = CONTENT_TYPE
    return response


def problem(code: int, kind: str, detail: str, errors: list[dict[str, str | None]]) -> dict[str, Any]:
    return {
        "type": f"urn:dialer:problem:{kind}",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        "errors": errors,
    }


def _translated(error: Exception) -> Exception:
    """What services, database and Django raise -> the exception of DRF that says the same."""
    match error:
        case StaleError():
            return Stale(" ".join(error.messages))
        case ValidationError():
            return exceptions.ValidationError(_by_field(error))
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied(str(error) or None)
        case ProtectedError() | RestrictedError():
            return Conflict(_protected(error))
        case IntegrityError():
            return Conflict(_("This collides with a change that somebody else just made. Read it again."))
        case OperationalError() | InterfaceError() if is_away(error):
            return Unavailable(unavailable_words())
        case DataError():
            return exceptions.ValidationError(
                _("A value is out of range or has characters that can't be kept.")
            )
        case RequestDataTooBig():
            return TooLarge(_("The body is too large."))
        case UnreadablePostError():
            words = _(
                "The connection broke off before everything had arrived. Send it again; nothing was changed."
            )
            return exceptions.ParseError(words)
        case SuspiciousOperation():
            return exceptions.ParseError(_("The request is malformed."))
    return error


def _by_field(error: ValidationError) -> dict[str, list[str]] | list[str]:
    if not hasattr(error, "error_dict"):
        return list(error.messages)
    return {
        "non_field_errors" if field == NON_FIELD_ERRORS else field: list(messages)
        for field, messages in error.message_dict.items()
    }


def _protected(error: ProtectedError | RestrictedError) -> str:
    objects = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    kinds = sorted({str(row._meta.verbose_name_plural) for row in objects})
    return _("This is in use and can't be deleted (%(kinds)s).") % {"kinds": ", ".join(kinds)}


def _code(error: Exception) -> str:
    codes = error.get_codes() if isinstance(error, exceptions.APIException) else None
    return codes if isinstance(codes, str) else "invalid"


def _errors(details: Any, path: str = "") -> Iterator[dict[str, str | None]]:
    """Nested details of DRF -> one entry a reason, the field as a dotted path."""
    if isinstance(details, Mapping):
        for name, inner in details.items():
            inner_path = path if name in {"non_field_errors", "detail"} else f"{path}.{name}".lstrip(".")
            yield from _errors(inner, inner_path)
    elif isinstance(details, list):
        for index, inner in enumerate(details):
            nested = isinstance(inner, Mapping | list)
            yield from _errors(inner, f"{path}.{index}".lstrip(".") if nested and inner else path)
    else:
        yield {"field": path or None, "reason": str(details)}
