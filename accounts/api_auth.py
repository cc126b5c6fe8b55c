"""Who calls the API: tokens."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import tokens
from accounts.models import User

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
