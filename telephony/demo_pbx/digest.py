"""Digest authentication of the dialer ports (RFC 3261 section 22, RFC 2617: MD5, qop=auth)."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sipmessage import Request


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent an authenticated request."""

    user: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """Not accepted: answer 401 with this WWW-Authenticate. `refused` when credentials were there and wrong."""

    header: str
    refused: bool


class DigestGuard:
    """Issues nonces that carry their own time and checks credentials against the users' passwords."""

    def __init__(self, realm: str, passwords: Mapping[str, str], nonce_lifetime_s: float) -> None:
        self._realm = realm
        self._passwords = passwords
        self._lifetime = nonce_lifetime_s
        self._secret = secrets.token_bytes(16)
        self._counts: dict[str, int] = {}  # nonce -> highest nonce count seen

    def check(self, request: Request, now: float) -> Identity | Challenge:
        """`now` in seconds of a monotonic clock, the same one for all calls."""
        try:
            credentials = request.authorization
        except ValueError:
            credentials = None
        if credentials is None or credentials.parameters is None or credentials.scheme.lower() != "digest":
            return self._challenge(now, stale=False, refused=False)
        values = credentials.parameters
        user, nonce = values.get("username", ""), values.get("nonce", "")
        password = self._passwords.get(user)
        expected = "" if password is None else self._response(request.method, values, password)
        if not hmac.compare_digest(expected.encode(), values.get("response", "").lower().encode()):
            return self._challenge(now, stale=False, refused=True)
        if values.get("realm") != self._realm or not self._is_fresh(nonce, values.get("nc"), now):
            # RFC 2617 section 3.2.1: right password, old nonce: the client may go on without asking its user.
            return self._challenge(now, stale=True, refused=False)
        return Identity(user)

    def _challenge(self, now: float, *, stale: bool, refused: bool) -> Challenge:
        stamp = f"{int(now * 1000):x}.{secrets.token_hex(4)}"
        nonce = f"{stamp}.{self._seal(stamp)}"
        header = f'Digest realm="{self._realm}", nonce="{nonce}", algorithm=MD5, qop="auth"'
        return Challenge(header + (", stale=true" if stale else ""), refused)

    def _seal(self, stamp: str) -> str:
        return hmac.new(self._secret, stamp.encode(), hashlib.sha256).hexdigest()[:16]

    def _is_fresh(self, nonce: str, count: str | None, now: float) -> bool:
        stamp, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(stamp).encode()):
            return False
        if now - int(stamp.partition(".")[0], 16) / 1000 > self._lifetime:
            self._counts.pop(nonce, None)
            return False
        try:
            number = int(count, 16) if count is not None else 0
        except ValueError:
            return False
        # A nonce count that does not grow is a replay (RFC 2617 section 3.2.2); the transactions have
        # absorbed honest repetitions before.
        if count is not None and number <= self._counts.get(nonce, 0):
            return False
        if len(self._counts) > 10_000:
            self._counts.clear()
        self._counts[nonce] = number
        return True

    def _response(self, method: str, values: Mapping[str, str], password: str) -> str:
        """RFC 2617 section 3.2.2.1, without qop the older form of RFC 2069."""
        ha1 = _md5(f"{values.get('username', '')}:{values.get('realm', '')}:{password}")
        ha2 = _md5(f"{method}:{values.get('uri', '')}")
        nonce = values.get("nonce", "")
        if "qop" not in values:
            return _md5(f"{ha1}:{nonce}:{ha2}")
        return _md5(f"{ha1}:{nonce}:{values.get('nc', '')}:{values.get('cnonce', '')}:{values['qop']}:{ha2}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
