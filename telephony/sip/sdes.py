"""Keys of SRTP in the SDP (RFC 4568, "SDES"): the a=crypto lines, and which of them we take."""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from ..rtp.srtp import KEY_BYTES, SUITES

MAX_LIFETIME = 48  # as a power of two (RFC 3711 section 9.2)
_CRYPTO = re.compile(r"(\d{1,9}) +([A-Z0-9_]+) +inline:([A-Za-z0-9+/=]+)((?:\|[^ ;|]*)*)( .*)?\Z")


class MediaEncryption(StrEnum):
    """Whether a port's audio is encrypted.

    REQUIRED offers RTP/SAVP: a peer without SRTP refuses it, and an answer without keys ends the call. PREFERRED
    offers keys on plain RTP/AVP (RFC 8643, "OSRTP"): Asterisk (`media_encryption=sdes`) and Kamailio's rtpengine take
    them, FreeSWITCH and older peers overlook them and the call is held in the clear. The other custom, one stream
    with keys and one without, is refused or mistaken for two calls by more peers than it serves.
    """

    NONE = "none"
    PREFERRED = "preferred"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One a=crypto: `key` is master key and salt, which never show in `repr`."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    @property
    def attribute(self) -> str:
        return f"crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


def new_line(tag: int, suite: str) -> CryptoLine:
    """A line with a key of its own (RFC 4568 section 6.1: each direction and suite has one)."""
    return CryptoLine(tag, suite, secrets.token_bytes(KEY_BYTES))


def new_offer() -> tuple[CryptoLine, ...]:
    """One line for each suite, best first."""
    return tuple(new_line(tag, suite) for tag, suite in enumerate(SUITES, 1))


def crypto_lines(attributes: tuple[str, ...]) -> list[CryptoLine]:
    """The lines that we can take, in the peer's order."""
    lines = (parse_crypto(text.removeprefix("crypto:")) for text in attributes if text.startswith("crypto:"))
    return [line for line in lines if line is not None]


def parse_crypto(text: str) -> CryptoLine | None:
    """Read what is behind `a=crypto:`; None when we can't take it.

    That is an unknown suite, a key of another length, more than one key or one with an MKI, or a session parameter
    that would change the packets: section 6.3.7 leaves only those behind a "-" and the window size to be overlooked.
    """
    match = _CRYPTO.match(text.strip())
    if match is None or match[2] not in SUITES:
        return None
    try:
        key = base64.b64decode(match[3], validate=True)
    except binascii.Error:
        return None
    if len(key) != KEY_BYTES or not all(_is_lifetime(part) for part in match[4].split("|")[1:]):
        return None
    if not all(part.startswith(("-", "WSH=")) for part in (match[5] or "").split()):
        return None
    return CryptoLine(int(match[1]), match[2], key)


def _is_lifetime(text: str) -> bool:
    """A lifetime that no call outlives; it says nothing that we must do (RFC 4568 section 6.1)."""
    power = text.removeprefix("2^")
    return text.isdecimal() or (text != power and power.isdecimal() and 20 <= int(power) <= MAX_LIFETIME)
