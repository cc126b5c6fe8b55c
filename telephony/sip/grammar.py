"""Header field grammar, RFC 3261 section 25, read tolerantly and in linear time.

`sipmessage` holds the messages; its list, quoted-string and parameter patterns reject or misread some valid
fields (`qop="auth,auth-int"`, two quoted names in one Contact, blanks around `/` in Via, `_` in host names)
and can be made to backtrack for long, so the fields a stranger writes are read here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote

from sipmessage import URI, Parameters

_WORD = r"[A-Za-z0-9\-.!%*_+`'~]+"
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|[,;]|[^",;<]+|["<]', re.DOTALL)
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._\-]*))(?:\s*:\s*(\d{1,5}))?\s*$")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.\-]*)\s*:(.*)$", re.DOTALL)
_VIA = re.compile(
    r"\s*SIP\s*/\s*(\d\.\d)\s*/\s*(" + _WORD + r")\s+([^;\s]+(?:\s*:\s*\d+)?)\s*(;.*)?$", re.I | re.S
)
_BAD_URI = re.compile(r'[\s<>"\x00-\x1f]')
_TOKEN_ONLY = re.compile(_WORD + r"\Z")
NO_PARAMS: Mapping[str, str | None] = MappingProxyType({})


def is_token(text: str) -> bool:
    return _TOKEN_ONLY.match(text) is not None


def split_outside_quotes(value: str, separator: str) -> list[str]:
    """Parts of `value` between separators outside quotes and angle brackets; ValueError on an open quote."""
    if separator not in value:
        return [value.strip()]
    if '"' not in value and "<" not in value:
        return [part.strip() for part in value.split(separator)]
    parts: list[str] = []
    current = ""
    for match in _PIECES.finditer(value):
        piece = match.group()
        if piece == '"':
            raise ValueError("a quoted string is not closed")
        if piece == separator:
            parts.append(current.strip())
            current = ""
        else:
            current += piece
    parts.append(current.strip())
    return parts


def unquote_string(value: str) -> str:
    """A quoted-string without its quotes and escapes; anything else as it stands."""
    value = value.strip()
    if len(value) >= 2 and value[0] == '"' and value[-1] == '"':
        return _UNESCAPE.sub(r"\1", value[1:-1])
    return value


def quote_string(value: str) -> str:
    """RFC 3261 quoted-string; line breaks have no place in a header."""
    value = re.sub(r"[\r\n\x00]+", " ", value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_params(text: str, separator: str = ";") -> dict[str, str | None]:
    """`;name=value;flag` -> names in lower case, values as written (quotes kept)."""
    params: dict[str, str | None] = {}
    for part in split_outside_quotes(text, separator):
        if not part:
            continue
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not name:
            raise ValueError("a parameter has no name")
        params.setdefault(name, value.strip() if equals else None)
    return params


def parse_uri(text: str) -> URI:
    """A sip:, sips: or tel: URI (RFC 3261 section 19.1, RFC 3966); ValueError for anything else."""
    match = _SCHEME.match(text)
    if match is None or _BAD_URI.search(text.strip()):
        raise ValueError("URI is not valid")
    scheme, rest = match.group(1).lower(), match.group(2).strip()
    if scheme == "tel":
        subscriber, _, params = rest.partition(";")
        if not re.fullmatch(r"\+?[0-9A-Fa-f*#\-.()]+", subscriber):
            raise ValueError("tel URI is not valid")
        return URI(scheme="tel", host="", user=subscriber, parameters=_uri_parameters(params))
    if scheme not in ("sip", "sips"):
        raise ValueError(f"URI scheme {scheme[:20]} is not supported")
    userinfo, at, hostpart = rest.rpartition("@")
    if "@" in userinfo or (at and not userinfo):
        raise ValueError("user part of the URI is not valid")
    hostpart = hostpart.partition("?")[0]
    hostport, _, params = hostpart.partition(";")
    host, port = parse_host_port(hostport)
    user, colon, password = userinfo.partition(":")
    return URI(
        scheme=scheme,
        host=host,
        port=port,
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        parameters=_uri_parameters(params),
    )


def _uri_parameters(text: str) -> Parameters:
    params = {name: None if value is None else unquote(value) for name, value in parse_params(text).items()}
    if "self" in params:
        raise ValueError("URI parameter is not valid")  # sipmessage takes parameters as keyword arguments
    return Parameters(**params)


def parse_host_port(text: str) -> tuple[str, int | None]:
    match = _HOST.match(text.strip())
    if match is None:
        raise ValueError("host is not valid")
    port = int(match.group(2)) if match.group(2) else None
    if port is not None and not 0 < port < 65536:
        raise ValueError("port is not valid")
    return match.group(1), port


@dataclass(frozen=True, slots=True)
class NameAddr:
    """One From, To, Contact, Route, Record-Route or Refer-To value (RFC 3261 sections 20.10, 20.20, 20.39)."""

    uri_text: str
    name: str = ""
    params: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")

    @property
    def uri(self) -> URI:
        return parse_uri(self.uri_text)

    @classmethod
    def parse(cls, value: str) -> "NameAddr":
        """Read one value; ValueError when quotes or brackets don't close or the URI is empty."""
        name = ""
        quoted = _QUOTED.match(value)
        rest = value
        if quoted is not None:
            name = _UNESCAPE.sub(r"\1", quoted.group(1))
            rest = value[quoted.end() :]
            if not rest.startswith("<"):
                raise ValueError("a quoted name is followed by <")
        before, bracket, after = rest.partition("<")
        if bracket:
            if quoted is None:
                name = before.strip()
                if '"' in name or ";" in name or "," in name:
                    raise ValueError("display name is not valid")
            uri_text, closing, tail = after.partition(">")
            if not closing:
                raise ValueError("< without >")
            tail = tail.strip()
            if tail and not tail.startswith(";"):
                raise ValueError("text after >")
        else:
            # addr-spec: what follows ; belongs to the header, not to the URI (RFC 3261 section 20)
            uri_text, _, tail = rest.partition(";")
        uri_text = uri_text.strip()
        if not uri_text or _SCHEME.match(uri_text) is None or _BAD_URI.search(uri_text):
            raise ValueError("address has no URI")
        return cls(uri_text=uri_text, name=name, params=parse_params(tail) if tail else NO_PARAMS)

    @classmethod
    def parse_list(cls, values: list[str]) -> "list[NameAddr]":
        """All values of a header that may be repeated or separated by commas."""
        return [cls.parse(part) for value in values for part in split_outside_quotes(value, ",") if part]

    def __str__(self) -> str:
        name = quote_string(self.name) + " " if self.name else ""
        tail = "".join(f";{k}" if v is None else f";{k}={v}" for k, v in self.params.items())
        return f"{name}<{self.uri_text}>{tail}"


@dataclass(frozen=True, slots=True)
class ViaHop:
    """One Via value (RFC 3261 section 20.42; `rport` of RFC 3581)."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str | None]

    @property
    def branch(self) -> str | None:
        return self.params.get("branch")

    @classmethod
    def parse(cls, value: str) -> "ViaHop":
        match = _VIA.match(value)
        if match is None:
            raise ValueError("Via is not valid")
        host, port = parse_host_port(match.group(3))
        return cls(match.group(2).upper(), host, port, parse_params(match.group(4) or ""))

    @staticmethod
    def check(value: str) -> None:
        """What `parse` forgives, so that a refusal still finds its way back: ValueError."""
        match = _VIA.match(value)
        if match is None or match.group(1) != "2.0" or re.search(r";\s*(;|$)", match.group(4) or ""):
            raise ValueError("Via is not valid")
