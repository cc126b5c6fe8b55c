"""The session description in a message: its body, or one part of it (RFC 3261 section 7.4, RFC 5621)."""

from sipmessage import Request, Response

from .grammar import parse_params, unquote_string

SDP = "application/sdp"
MAX_PARTS = 16
LONGEST_BOUNDARY = 70  # RFC 2046 section 5.1.1


def session_description(message: Request | Response) -> bytes:
    """SDP; nothing when there is none. Gateways to SS7 send it beside an ISUP message (RFC 5621 section 3.1)."""
    body = message.body
    if not body:
        return b""
    value = message.headers.get("Content-Type") or SDP
    kind = _kind(value)
    if not kind.startswith("multipart/"):
        return body if kind == SDP else b""
    for part in _parts(body, value)[:MAX_PARTS]:
        head, separator, content = part.partition(b"\r\n\r\n")
        if separator and _kind(_content_type(head)) == SDP:
            return content
    return b""


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _parts(body: bytes, content_type: str) -> list[bytes]:
    """Between the boundaries; each begins with its head."""
    try:
        boundary = unquote_string(parse_params(content_type.partition(";")[2]).get("boundary") or "")
    except ValueError:
        return []
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        return []
    return (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]


def _content_type(head: bytes) -> str:
    for line in head.decode("utf-8", errors="replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() in ("content-type", "c"):
            return value
    return ""
