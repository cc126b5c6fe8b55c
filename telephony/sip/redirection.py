"""Where else a call may go after a 3xx: RFC 3261 section 8.1.3.4."""

from sipmessage import URI, Response

from .grammar import NameAddr
from .message import Envelope

MAX_TARGETS = 5
FOLLOWED = (300, 301, 302, 305)  # the Contacts of 380 and 485 are for people to choose from


class Targets:
    """The target set of one call: the preferred contacts first, each tried once, a few at most."""

    def __init__(self, first: URI) -> None:
        self._known = {str(first)}
        self._waiting: list[URI] = []

    def take(self, response: Envelope) -> None:
        """The contacts of a redirection, by their q value."""
        assert isinstance(response.message, Response)
        if response.message.code not in FOLLOWED:
            return
        try:
            contacts = NameAddr.parse_list(response.message.headers.getlist("Contact"))
        except ValueError:
            return
        for contact in sorted(contacts, key=_preference, reverse=True):
            try:
                uri = contact.uri
            except ValueError:
                continue
            if (
                uri.scheme in ("sip", "sips")
                and str(uri) not in self._known
                and len(self._known) <= MAX_TARGETS
            ):
                self._known.add(str(uri))
                self._waiting.append(uri)

    def next(self) -> URI | None:
        """The one to try now; None when all were tried."""
        return self._waiting.pop(0) if self._waiting else None


def _preference(contact: NameAddr) -> float:
    """q of section 20.10; 1 where there is none, 0 where it is none."""
    try:
        return min(max(float(contact.params.get("q") or "1"), 0.0), 1.0)
    except ValueError:
        return 0.0
