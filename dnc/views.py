"""`POST /donotcall`: the embedded list behind the contract that external services have, too (SPEC 8, G 2.5).

Other dialers ask it for each call. So the web server calls `answer_wsgi` beside Django's middleware, which has nothing
to do here: no session, no form, no page. One prepared look-up on the thread's own connection.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.database_away import RETRY_AFTER

PATH = "/donotcall"
_LONGEST_BODY = 4096
_LOOK_UP = "SELECT EXISTS (SELECT FROM dnc_dncnumber WHERE number = %s)"


@csrf_exempt
@require_POST
def donotcall(request: HttpRequest) -> JsonResponse:
    """`{"number": "554181021119"}` -> `{"number": "554181021119", "doNotCall": true}`; 400 names what is wrong,
    503 says that the list can't be read: nobody may be dialed on it then."""
    status, body = _answer(request.body)
    return JsonResponse(body, status=status, headers=_headers(status))


def answer_wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The same as a WSGI application."""
    length = environ.get("CONTENT_LENGTH") or "0"
    headers = {"Content-Type": "application/json"}
    if environ["REQUEST_METHOD"] != "POST":
        headers["Allow"] = "POST"
        status, body = HTTPStatus.METHOD_NOT_ALLOWED, _error("Use POST.")
    elif not length.isdigit() or int(length) > _LONGEST_BODY:
        status, body = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _error("The body is too large.")
    else:
        status, body = _answer(environ["wsgi.input"].read(int(length)))
    data = json.dumps(body).encode()
    headers |= {**_headers(status), "Content-Length": str(len(data))}
    start_response(f"{status.value} {status.phrase}", list(headers.items()))
    return [data]


def _answer(body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
    try:
        number = json.loads(body)["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return HTTPStatus.BAD_REQUEST, _error('The body must be JSON as {"number": "554181021119"}.')
    if not isinstance(number, str) or not (number.isascii() and number.isdigit() and len(number) <= 15):
        return HTTPStatus.BAD_REQUEST, _error("number must be a text of at most 15 digits.")
    try:
        listed = _is_listed(int(number))
    except (OperationalError, InterfaceError):
        return HTTPStatus.SERVICE_UNAVAILABLE, _error(
            "The list can't be read now: the database does not answer. Call nobody, and ask again in a few seconds."
        )
    return HTTPStatus.OK, {"number": number, "doNotCall": listed}


def _headers(status: HTTPStatus) -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


def _error(words: str) -> dict[str, Any]:
    return {"error": words}


def _is_listed(number: int) -> bool:
    """A connection that broke since the thread's last question is made anew once."""
    try:
        return _look_up(number)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _look_up(number)


def _look_up(number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.cursor.execute(_LOOK_UP, (number,), prepare=True)
        row = cursor.fetchone()
    return bool(row and row[0])
