"""The registrar: where each dialer port can be reached (RFC 3261 section 10.3)."""

from dataclasses import dataclass
from typing import Final

from .messages import Incoming

MINIMUM_EXPIRES: Final = 1  # tests want to see bindings end
DEFAULT_EXPIRES: Final = 3600
MAXIMUM_EXPIRES: Final = 7200


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of a user. `expires_at` on the loop's clock, in seconds."""

    contact: str
    expires_at: float
    call_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """The response to a REGISTER: code and further headers."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()


class Registrar:
    """Keeps one contact a user; a new one takes the old one's place, as the PBX lab's Asterisk does."""

    def __init__(self) -> None:
        self._bindings: dict[str, Binding] = {}

    def register(self, incoming: Incoming, user: str, now: float) -> RegisterResult:
        """Bind, refresh, unbind or list, for an authenticated `user`."""
        request = incoming.request
        try:
            if request.to_address.uri.user != user:
                return RegisterResult(403)  # RFC 3261 section 10.3 step 4: only their own address
            if request.headers.get("Contact", "") == "*":
                return self._unbind_all(incoming, user, now)
            contacts = request.contact
            default = request.expires
        except ValueError:
            return RegisterResult(400)
        if contacts:
            value = contacts[0].parameters.get("expires")
            if value is not None and not value.isdecimal():
                return RegisterResult(400)
            seconds = int(value) if value is not None else default
            code = self._bind(incoming, user, str(contacts[0].uri), seconds, now)
            if code == 423:
                return RegisterResult(code, (("Min-Expires", str(MINIMUM_EXPIRES)),))
            if code != 200:
                return RegisterResult(code)
        return RegisterResult(200, self._listing(user, now))

    def _bind(self, incoming: Incoming, user: str, contact: str, seconds: int | None, now: float) -> int:
        seconds = DEFAULT_EXPIRES if seconds is None else min(seconds, MAXIMUM_EXPIRES)
        known = self._bindings.get(user)
        if known and known.call_id == incoming.call_id and known.sequence >= incoming.cseq.sequence:
            return 500  # out of order, RFC 3261 section 10.3 step 7
        if seconds == 0:
            if known and known.contact == contact:
                del self._bindings[user]
            return 200
        if seconds < MINIMUM_EXPIRES:
            return 423
        self._bindings[user] = Binding(contact, now + seconds, incoming.call_id, incoming.cseq.sequence)
        return 200

    def _unbind_all(self, incoming: Incoming, user: str, now: float) -> RegisterResult:
        if incoming.request.expires != 0:
            return RegisterResult(400)
        self._bindings.pop(user, None)
        return RegisterResult(200, self._listing(user, now))

    def _listing(self, user: str, now: float) -> tuple[tuple[str, str], ...]:
        contact = self.contacts(now).get(user)
        if contact is None:
            return ()
        left = round(self._bindings[user].expires_at - now)
        return (("Contact", f"<{contact}>;expires={left}"), ("Expires", str(left)))

    def contacts(self, now: float) -> dict[str, str]:
        """The users reachable at this moment, each with the contact's URI."""
        for user in [user for user, item in self._bindings.items() if item.expires_at <= now]:
            del self._bindings[user]
        return {user: item.contact for user, item in self._bindings.items()}
