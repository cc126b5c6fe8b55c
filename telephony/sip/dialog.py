"""Dialogs, RFC 3261 section 12: identity, sequence numbers, remote target and route set."""

from dataclasses import dataclass, field

from sipmessage import URI, Request

from .grammar import NameAddr, parse_uri
from .message import Envelope


@dataclass(slots=True)
class Dialog:
    """One dialog as its caller sees it. `local` and `remote` are whole From/To values with their tags."""

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    remote_target: URI
    route_set: list[str] = field(default_factory=list)
    local_cseq: int = 0
    remote_cseq: int | None = None

    @classmethod
    def from_response(cls, invite: Request, response: Envelope) -> "Dialog":
        """RFC 3261 section 12.1.2: a dialog out of a response (with a To tag) to our INVITE."""
        headers = response.message.headers
        routes = _routes(headers.getlist("Record-Route"))
        contact = response.contact
        target = invite.uri
        if contact is not None:
            target = _usable(contact, target)
        return cls(
            call_id=response.call_id,
            local=invite.headers["From"],
            remote=headers["To"],
            local_tag=response.from_tag or "",
            remote_tag=response.to_tag or "",
            remote_target=target,
            route_set=routes[::-1],
            local_cseq=response.cseq,
        )

    def request(self, method: str, *, cseq: int | None = None) -> Request:
        """A request within the dialog (RFC 3261 section 12.2.1.1); Via and Contact come later.

        ACK takes the `cseq` of its INVITE; every other request the next number.
        """
        if cseq is None:
            cseq = self.next_cseq()
        uri, routes = self._target_and_routes()
        request = Request(method, uri)
        request.headers.set("Max-Forwards", "70")
        if routes:
            request.headers.setlist("Route", routes)
        request.headers.set("From", self.local)
        request.headers.set("To", self.remote)
        request.headers.set("Call-ID", self.call_id)
        request.headers.set("CSeq", f"{cseq} {method}")
        return request

    def next_cseq(self) -> int:
        self.local_cseq += 1
        return self.local_cseq

    def _target_and_routes(self) -> tuple[URI, list[str]]:
        if not self.route_set:
            return self.remote_target, []
        first = NameAddr.parse(self.route_set[0])
        if "lr" in first.uri.parameters:
            return self.remote_target, list(self.route_set)
        # A strict router: it becomes the Request-URI, the target goes last.
        return first.uri, [*self.route_set[1:], f"<{self.remote_target}>"]

    def next_hop(self) -> URI:
        """Where the next request goes: the first route, else the remote target."""
        return NameAddr.parse(self.route_set[0]).uri if self.route_set else self.remote_target

    def refresh_target(self, message: Envelope) -> None:
        """RFC 3261 section 12.2: INVITE and UPDATE, and their 2xx, may move the remote target."""
        contact = message.contact
        if contact is not None:
            self.remote_target = _usable(contact, self.remote_target)

    def accept_cseq(self, cseq: int) -> bool:
        """RFC 3261 section 12.2.2: a request with a lower number than the last is out of order."""
        if self.remote_cseq is not None and cseq < self.remote_cseq:
            return False
        self.remote_cseq = cseq
        return True

    def matches(self, request: Envelope) -> bool:
        """Is this request from the peer part of the dialog?"""
        return (
            request.call_id == self.call_id
            and request.to_tag == self.local_tag
            and (request.from_tag or "") == self.remote_tag
        )


def _routes(record_routes: list[str]) -> list[str]:
    """What can't be read is left out: a call whose answer is never acknowledged would be worse."""
    routes: list[str] = []
    for value in record_routes:
        try:
            entries = NameAddr.parse_list([value])
            if all(entry.uri.scheme in ("sip", "sips") for entry in entries):
                routes += map(str, entries)
        except ValueError:
            continue
    return routes


def _usable(contact: NameAddr, otherwise: URI) -> URI:
    try:
        uri = parse_uri(contact.uri_text)
    except ValueError:
        return otherwise
    return uri if uri.scheme in ("sip", "sips") else otherwise
