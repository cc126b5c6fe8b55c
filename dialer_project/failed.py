"""What is answered when a request failed through no fault of its sender (`handler500` of the URLs).

503 while the database can't be reached, from wherever in the middleware or a page that came up; 500 for faults of ours.
Programs below `/api/` get problem+json, people a page in their language that needs no database.
"""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts import api_problem
from accounts.database_away import RETRY_AFTER, is_away


def failed(request: HttpRequest) -> HttpResponse:
    """Django calls this while it handles the exception."""
    away = is_away(sys.exc_info()[1])
    status = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.INTERNAL_SERVER_ERROR
    if request.path.startswith("/api/"):
        response = _problem(status)
    else:
        response = render(request, "503.html" if away else "500.html", status=status)
    if away:
        response["Retry-After"] = str(RETRY_AFTER)
        response["Cache-Control"] = "no-store"
    return response


def _problem(status: HTTPStatus) -> HttpResponse:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        kind, words = api_problem.Unavailable.default_code, api_problem.unavailable_words()
    else:
        kind, words = (
            "internal",
            _("Nothing was changed. The server's log says more; ask a Master to look at it."),
        )
    body = api_problem.problem(status, kind, words, [])
    return JsonResponse(body, status=status, content_type=api_problem.CONTENT_TYPE)
