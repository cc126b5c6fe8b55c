"""One dialog of the PBX with a dialer port: its names, sequence numbers and route (RFC 3261 section 12)."""

import ipaddress
import secrets
from dataclasses import dataclass

from sipmessage import URI, Address

from .messages import Endpoint, Incoming, make_request

DialogKey = tuple[str, str, str]  # Call-ID, local tag, remote tag


@dataclass(slots=True)
class Dialog:
    """The callee's half of a dialog; `local` and `remote` are the To and From headers as the INVITE had them."""

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    remote_target: str
    routes: tuple[str, ...]
    source: Endpoint
    contact: str
    remote_sequence: int
    local_sequence: int

    @classmethod
    def of_invite(cls, incoming: Incoming, contact: str) -> "Dialog":
        """The dialog that an INVITE opens; ValueError without a usable Contact (RFC 3261 section 12.1.1)."""
        request = incoming.request
        contacts = request.contact
        if len(contacts) != 1:
            raise ValueError("an INVITE needs exactly one Contact")
        tag = secrets.token_hex(8)
        return cls(
            call_id=incoming.call_id,
            local_tag=tag,
            remote_tag=incoming.from_tag,
            local=f"{request.headers['To']};tag={tag}",
            remote=request.headers["From"],
            remote_target=str(contacts[0].uri),
            routes=tuple(request.headers.getlist("Record-Route")),
            source=incoming.source,
            contact=contact,
            remote_sequence=incoming.cseq.sequence,
            local_sequence=secrets.randbelow(10_000) + 1,
        )

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local_tag, self.remote_tag)

    @property
    def destination(self) -> Endpoint:
        """Where requests go: the first route, else the peer's Contact (RFC 3261 section 12.2.1.1).

        A host that is no IPv4 address is not looked up: then it is where the INVITE came from.
        """
        try:
            uri = Address.parse_many(self.routes[0])[0].uri if self.routes else URI.parse(self.remote_target)
            return (str(ipaddress.IPv4Address(uri.host)), uri.port or 5060)
        except ValueError:
            return self.source

    def accepts(self, incoming: Incoming) -> bool:
        """Whether a request is in order (RFC 3261 section 12.2.2); it counts from then on."""
        if incoming.cseq.sequence <= self.remote_sequence:
            return False
        self.remote_sequence = incoming.cseq.sequence
        return True

    def refresh_target(self, incoming: Incoming) -> None:
        """A re-INVITE or REFER may move the peer's contact."""
        try:
            contacts = incoming.request.contact
        except ValueError:
            return
        if len(contacts) == 1:
            self.remote_target = str(contacts[0].uri)
        self.source = incoming.source

    def request(
        self,
        method: str,
        branch: str,
        sent_by: str,
        extra: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        content_type: str = "message/sipfrag;version=2.0",
    ) -> bytes:
        """The dialog's next request on the wire."""
        self.local_sequence += 1
        headers = (
            ("Via", f"SIP/2.0/UDP {sent_by};rport;branch={branch}"),
            *(("Route", route) for route in self.routes),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.local_sequence} {method}"),
            ("Contact", self.contact),
            *extra,
        )
        return make_request(method, self.remote_target, headers, body, content_type)
