"""Who calls the API: tokens, and the brake on guessing passwords."""

import hashlib
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts import tokens
from accounts.models import User

if TYPE_CHECKING:
    from rest_framework.views import APIView

_KEYWORDS = ("bearer", "token")


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; `Token <token>` does as well."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        keyword, _space, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if keyword.lower() not in _KEYWORDS:
            return None
        user = tokens.user_of(token.strip())
        if user is None:
            raise exceptions.AuthenticationFailed(
                _("The token is not valid (any more). Get a new one from auth/token.")
            )
        return user, token.strip()

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes `TokenAuthentication`."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `POST /api/v1/auth/token/`."}


class SignInThrottle(SimpleRateThrottle):
    """Ten wrong passwords a minute for one address and user name; right ones do not count."""

    rate = "10/min"
    num_requests: int
    duration: int

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        name = request.data.get("username", "") if isinstance(request.data, dict) else ""
        who = f"{self.get_ident(request)} {str(name).lower()}".encode("utf-8", "replace")
        return f"sign-in:{hashlib.sha256(who).hexdigest()}"

    def allow_request(self, request: Request, view: "APIView") -> bool:
        self.key = self.get_cache_key(request, view)
        self.now = self.timer()
        self.history = [at for at in self.cache.get(self.key, []) if at > self.now - self.duration]
        return len(self.history) < self.num_requests or bool(self.throttle_failure())

    def count_failure(self, request: Request, view: "APIView") -> None:
        """Remembers one wrong password."""
        self.allow_request(request, view)
        self.cache.set(self.key, [self.now, *self.history], self.duration)
