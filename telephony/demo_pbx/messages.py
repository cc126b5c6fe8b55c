"""SIP messages as the PBX reads and writes them, on the grammar of `sipmessage` (RFC 3261 sections 7, 8, 18)."""

import re
from dataclasses import dataclass
from typing import Final

from sipmessage import CSeq, Request, Response

Endpoint = tuple[str, int]

SERVER: Final = "dialer-demo-pbx"
ALLOW: Final = "INVITE, ACK, CANCEL, BYE, REFER, OPTIONS, REGISTER"
MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261 section 8.1.1.7
PHRASES: Final = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}
_FLAG_RPORT = re.compile(r";\s*rport(?=\s*(?:;|$))", re.IGNORECASE)


class MalformedRequestError(ValueError):
    """A request without the headers that every request needs (RFC 3261 section 8.1.1)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request with what routing needs, read once. `key` names its transaction without the method."""

    request: Request
    source: Endpoint
    call_id: str
    cseq: CSeq
    from_tag: str
    to_tag: str | None
    key: str
    reply_to: Endpoint

    @property
    def method(self) -> str:
        return self.request.method

    @classmethod
    def read(cls, request: Request, source: Endpoint) -> "Incoming":
        """Check and take apart; MalformedRequestError names what is wrong."""
        try:
            via, cseq = request.via[0], request.cseq
            call_id = request.call_id
            from_tag = request.from_address.parameters.get("tag") or ""
            to_tag = request.to_address.parameters.get("tag")
            length = request.content_length
        except (KeyError, IndexError, ValueError) as error:
            raise MalformedRequestError(f"unreadable headers: {error}") from error
        if cseq.method != request.method:
            raise MalformedRequestError("CSeq names another method")
        if length is not None:
            if not 0 <= length <= len(request.body):
                raise MalformedRequestError("Content-Length is longer than the datagram")
            request.body = request.body[:length]  # RFC 3261 section 18.3
        branch = via.parameters.get("branch") or ""
        if branch.startswith(MAGIC_COOKIE):
            key = f"{branch}|{via.host}:{via.port}"
        else:  # RFC 3261 section 17.2.3, a peer of RFC 2543
            key = f"{call_id}|{from_tag}|{cseq.sequence}|{request.headers['Via']}"
        # RFC 3581 section 4: rport asks for the answer at the source port.
        port = source[1] if "rport" in via.parameters else via.port or 5060
        return cls(request, source, call_id, cseq, from_tag, to_tag, key, (source[0], port))


def make_response(
    request: Request,
    source: Endpoint,
    code: int,
    *,
    local_tag: str | None = None,
    extra: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> Response:
    """A response to `request` (RFC 3261 section 8.2.6). Echoed headers are copied as they stand."""
    response = Response(code, PHRASES.get(code, "Response"), body)
    headers = response.headers
    headers.setlist("Via", _stamped_vias(request.headers.getlist("Via"), source))
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.headers.get(name)
        if value is None:
            continue
        if name == "To" and local_tag is not None and ";tag=" not in value.lower().replace(" ", ""):
            value = f"{value};tag={local_tag}"
        headers.set(name, value)
    headers.set("Server", SERVER)
    for name, value in extra:
        headers.add(name, value)
    _close(response, body, content_type)
    return response


def _stamped_vias(vias: list[str], source: Endpoint) -> list[str]:
    """RFC 3261 section 18.2.1 and RFC 3581: where the topmost Via's request really came from."""
    if not vias:
        return []
    top, comma, rest = vias[0].partition(",")
    top = _FLAG_RPORT.sub(f";rport={source[1]}", top.strip(), count=1)
    if ";received=" not in top:
        top += f";received={source[0]}"
    return [top + comma + rest, *vias[1:]]


def _close(message: Request | Response, body: bytes, content_type: str) -> None:
    if body:
        message.headers.set("Content-Type", content_type)
    message.headers.set("Content-Length", str(len(body)))


def make_request(
    method: str,
    uri: str,
    headers: tuple[tuple[str, str], ...],
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> bytes:
    """A request on the wire. The URI is written as the peer gave it."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if body:
        head += f"Content-Type: {content_type}\r\n"
    head += f"Max-Forwards: 70\r\nUser-Agent: {SERVER}\r\nContent-Length: {len(body)}\r\n"
    return f"{method} {uri} SIP/2.0\r\n{head}\r\n".encode() + body
