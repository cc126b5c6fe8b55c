"""SIP messages off the wire and onto it (RFC 3261 sections 7, 8.2, 16.3, 18.3).

`read_message` checks everything the layers above rely on once, and hands out an `Envelope`: the `sipmessage`
object with the few fields that route it already read. `MessageError` says what to answer, if anything.
"""

import re
import secrets
from dataclasses import dataclass, field

from sipmessage import URI, Request, Response
from sipmessage.message import COMPACT_FORMS

from .grammar import NameAddr, ViaHop, is_token, parse_params, parse_uri, split_outside_quotes

MAX_MESSAGE_BYTES = 65535
MAX_HEADER_LINES = 256
MAX_LINE_CHARS = 8192
LONGEST_RETRY_AFTER_S = 3600
MAGIC_COOKIE = "z9hG4bK"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, NOTIFY, INFO"
SINGLE_HEADERS = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type")

_REQUEST_LINE = re.compile(r"(\S+) (\S+) (SIP/\d+\.\d+)\Z", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?\Z", re.IGNORECASE)
_UNFOLD = re.compile(r"\r\n[ \t]+")
_BARE = re.compile(r"\r(?!\n)|(?<!\r)\n")
_CSEQ = re.compile(r"(\d{1,10})\s+(\S+)\Z")

PHRASES = {
    100: "Trying", 200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 422: "Session Interval Too Small",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
    505: "Version Not Supported", 603: "Decline",
}  # fmt: skip


class MessageError(ValueError):
    """A message that can't be used. `answer` is the response it deserves, None: drop it (RFC 4475)."""

    def __init__(self, text: str, answer: "Response | None" = None) -> None:
        super().__init__(text)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Envelope:
    """A usable message with the fields that route it."""

    message: Request | Response
    via: ViaHop
    sender: NameAddr
    recipient: NameAddr
    call_id: str
    cseq: int
    method: str

    @property
    def from_tag(self) -> str | None:
        return self.sender.tag

    @property
    def to_tag(self) -> str | None:
        return self.recipient.tag

    @property
    def branch(self) -> str:
        return self.via.branch or ""

    def header(self, name: str) -> str | None:
        return self.message.headers.get(name)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, None when there is none or it can't be read."""
        try:
            return next(iter(NameAddr.parse_list(self.message.headers.getlist("Contact"))), None)
        except ValueError:
            return None

    def tokens(self, name: str) -> set[str]:
        """Option tags or methods of a comma list, in lower case."""
        values = self.message.headers.getlist(name)
        return {part.lower() for value in values for part in _parts(value) if part}


def _parts(value: str) -> list[str]:
    """A comma list; one that does not close its quotes is one part."""
    try:
        return split_outside_quotes(value, ",")
    except ValueError:
        return [value]


@dataclass(slots=True)
class _Head:
    start: str
    fields: list[tuple[str, str]] = field(default_factory=list)


def read_message(data: bytes, *, stream: bool = False) -> Envelope:
    """Parse one message. `stream`: the body was already cut by Content-Length (RFC 3261 section 18.3)."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError("message is too long")
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise MessageError("message has no end of headers")
    parsed = _read_head(head)
    message, problem = _read_start_line(parsed.start)
    for name, value in parsed.fields:
        message.headers.add(name, value)
    try:
        envelope = _envelope(message)
        problem = problem or _check(message, envelope)
        if problem is None:
            ViaHop.check(split_outside_quotes(message.headers["Via"], ",")[0])
        message.body = _cut_body(message, body, stream)
    except ValueError as error:
        raise MessageError(str(error), _answer(message, 400, "Bad Request")) from None
    if problem is not None:
        code, text = problem
        raise MessageError(text, _answer(message, code, text))
    return envelope


def _read_head(head: bytes) -> _Head:
    text = head.decode("utf-8", errors="replace")
    if _BARE.search(text):
        # In a quoted string it would come back in our own requests, where others may read it as the end of a line.
        raise MessageError("a CR or LF stands alone")
    lines = _UNFOLD.sub(" ", text).split("\r\n")
    if len(lines) > MAX_HEADER_LINES or any(len(line) > MAX_LINE_CHARS for line in lines):
        raise MessageError("too many or too long header lines")
    parsed = _Head(start=lines[0])
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not is_token(name):
            raise MessageError("a header line has no name")
        parsed.fields.append((COMPACT_FORMS.get(name.lower(), name), value.strip()))
    return parsed


def _read_start_line(line: str) -> tuple[Request | Response, tuple[int, str] | None]:
    status = _STATUS_LINE.match(line)
    if status is not None:
        return Response(int(status.group(1)), status.group(2) or ""), None
    request = _REQUEST_LINE.match(line)
    if request is None or not is_token(request.group(1)):
        if " SIP/" in line.upper() and is_token(line.partition(" ")[0]):
            return Request(line.partition(" ")[0], URI("sip", "invalid")), (400, "Bad Request-Line")
        raise MessageError("start line is not SIP")
    method, target, version = request.groups()
    problem = None if version.upper() == "SIP/2.0" else (505, "Version Not Supported")
    try:
        uri = parse_uri(target)
        if "?" in target.rpartition("@")[2]:
            problem = problem or (400, "Headers in Request-URI")  # RFC 3261 section 19.1.1
    except ValueError:
        unknown = is_token(target.partition(":")[0]) and target.partition(":")[0].lower() not in (
            "sip",
            "sips",
        )
        uri = URI("sip", "invalid")
        problem = problem or ((416, PHRASES[416]) if unknown else (400, "Bad Request-URI"))
    return Request(method, uri), problem


def _envelope(message: Request | Response) -> Envelope:
    headers = message.headers
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if not headers.get(name):
            raise ValueError(f"Missing {name}")
    cseq = _CSEQ.match(headers["CSeq"])
    if cseq is None or int(cseq.group(1)) >= 2**31:
        raise ValueError("Bad CSeq")
    return Envelope(
        message=message,
        via=ViaHop.parse(split_outside_quotes(headers["Via"], ",")[0]),
        sender=NameAddr.parse(headers["From"]),
        recipient=NameAddr.parse(headers["To"]),
        call_id=headers["Call-ID"],
        cseq=int(cseq.group(1)),
        method=cseq.group(2),
    )


def _check(message: Request | Response, envelope: Envelope) -> tuple[int, str] | None:
    for name in SINGLE_HEADERS:
        if len(message.headers.getlist(name)) > 1:
            return 400, f"More than one {name}"
    if isinstance(message, Request):
        if envelope.method != message.method:
            return 400, "CSeq method does not match the request"
        forwards = message.headers.get("Max-Forwards")
        if forwards is not None and not (forwards.isdecimal() and int(forwards) <= 255):
            return 400, "Bad Max-Forwards"
    return None


def _cut_body(message: Request | Response, body: bytes, stream: bool) -> bytes:
    """RFC 3261 section 18.3: what follows the announced length is padding; too little is an error."""
    length = message.headers.get("Content-Length")
    if length is None:
        if stream:
            raise ValueError("Missing Content-Length")
        return body
    if not length.isdecimal() or len(length) > 9:
        raise ValueError("Bad Content-Length")
    if int(length) > len(body):
        raise ValueError("Body is shorter than Content-Length")
    return body[: int(length)]


def _answer(message: Request | Response, code: int, phrase: str) -> Response | None:
    """A response to a broken request, when its Via still says where from; never to an ACK."""
    if not isinstance(message, Request) or message.method == "ACK" or not message.headers.get("Via"):
        return None
    try:
        ViaHop.parse(split_outside_quotes(message.headers["Via"], ",")[0])
    except ValueError:
        return None
    return make_response(message, code, phrase)


def make_response(request: Request, code: int, phrase: str = "", *, to_tag: str | None = None) -> Response:
    """Response with the fields of RFC 3261 section 8.2.6.2 copied from the request."""
    response = Response(code, phrase or PHRASES.get(code, "Unknown"))
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        values = request.headers.getlist(name)
        if values:
            response.headers.setlist(name, list(values))
    to = response.headers.get("To")
    if code > 100 and to is not None and ";tag" not in to.lower().replace(" ", ""):
        response.headers.set("To", f"{to};tag={to_tag or new_tag()}")
    if code in (200, 405, 501):
        response.headers.set("Allow", ALLOW)
    return response


def with_via(request: Request, via: str) -> Request:
    """A copy of a request with this Via, which comes first, as proxies like it."""
    fresh = Request(request.method, request.uri, request.body)
    fresh.headers.set("Via", via)
    for name in request.headers.keys():  # noqa: SIM118  (sipmessage's Headers are no mapping)
        if name.lower() != "via":
            fresh.headers.setlist(name, list(request.headers.getlist(name)))
    return fresh


def serialize(message: Request | Response) -> bytes:
    """Bytes of a message with its Content-Length set."""
    message.headers.set("Content-Length", str(len(message.body)))
    return bytes(message)


def new_tag() -> str:
    return secrets.token_hex(5)


def new_branch() -> str:
    return MAGIC_COOKIE + secrets.token_hex(9)


def new_call_id() -> str:
    return secrets.token_hex(12)


def retry_after_of(response: Response) -> int | None:
    """Seconds of Retry-After (RFC 3261 section 20.33), at most an hour; None without one that can be read."""
    text = (response.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return min(int(text), LONGEST_RETRY_AFTER_S) if text.isdecimal() and len(text) < 11 else None


@dataclass(frozen=True, slots=True)
class Reason:
    """RFC 3326: why a call ended, as the far end says it."""

    cause: int | None = None
    text: str | None = None

    @classmethod
    def of(cls, message: Request | Response) -> "Reason":
        """The Q.850 reason of a message, else the text of its first one, else nothing."""
        text = None
        for value in message.headers.getlist("Reason"):
            for part in _parts(value):
                protocol, _, tail = part.partition(";")
                try:
                    params = parse_params(tail)
                except ValueError:
                    continue
                said = (params.get("text") or "").strip('"') or None
                cause = params.get("cause") or ""
                if protocol.strip().upper() == "Q.850" and cause.isdecimal() and int(cause) < 128:
                    return cls(int(cause), said)
                text = text or said
        return cls(None, text)
