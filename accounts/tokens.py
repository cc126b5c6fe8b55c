"""API tokens: issue, check, revoke. A token is good while its user may sign in (SPEC 3), asked at each request."""

import hashlib
import secrets

from django.utils.crypto import constant_time_compare

from accounts.backends import is_locked_out
from accounts.models import ApiToken, User


def issue(user: User) -> str:
    """A new token; it is shown once, the database keeps its digest."""
    token = secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, digest=_digest(token), session_hash=user.get_session_auth_hash())
    return token


def user_of(token: str) -> User | None:
    """Whose token it is; None when it is unknown, revoked, or its user may not sign in (any more)."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token)).first()
    if row is None or not constant_time_compare(row.session_hash, row.user.get_session_auth_hash()):
        return None
    if not row.user.is_active or is_locked_out(row.user):
        return None
    return row.user


def revoke(token: str) -> None:
    """Ends a token; an unknown one is no error."""
    ApiToken.objects.filter(digest=_digest(token)).delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
