"""Ends sessions that nobody used for a while. A page that only refreshes its figures is no use."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.translation import ngettext

_LAST_USE = "last_use"
_STEP = 60
"""Seconds between two notes of the last use: not every request writes to the session."""
_ALONE = ("/live/", "/wallboard/events/", "/progress/")
"""Ends of the addresses that open pages ask by themselves."""


def end_idle_sessions(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Middleware, after those of sign-in and messages."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _look_at(request)
        return get_response(request)

    return middleware


def _look_at(request: HttpRequest) -> None:
    now, last = time.time(), request.session.get(_LAST_USE)
    if last is not None and now - last > settings.SESSION_IDLE_MINUTES * 60:
        logout(request)
        words = ngettext(
            "You were signed out after %(count)d minute without use.",
            "You were signed out after %(count)d minutes without use.",
            settings.SESSION_IDLE_MINUTES,
        )
        messages.info(request, words % {"count": settings.SESSION_IDLE_MINUTES})
    elif (last is None or now - last > _STEP) and not request.path.endswith(_ALONE):
        request.session[_LAST_USE] = now


def begin(request: HttpRequest, **kwargs: Any) -> None:
    """At sign-in (signal `user_logged_in`): the clock starts."""
    request.session[_LAST_USE] = time.time()
