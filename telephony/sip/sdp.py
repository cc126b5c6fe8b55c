"""Session descriptions (RFC 4566/8866) and the offer/answer of one audio stream (RFC 3264)."""

import re
import secrets
from dataclasses import dataclass, field, replace

from .sdes import CryptoLine

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
CODECS = {0: "PCMU", 8: "PCMA"}
TELEPHONE_EVENT = "telephone-event"
PLAIN, ENCRYPTED = "RTP/AVP", "RTP/SAVP"
MAX_SDP_BYTES = 16384
MAX_MEDIA = 32
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9.\-_]+)/(\d+)")
_RTCP = re.compile(r"rtcp: ?(\d{1,5})(?: IN IP[46] ([0-9A-Fa-f.:]+))?\Z")
_ADDRESS = re.compile(r"[0-9A-Za-z.:\-_]+\Z")


@dataclass(frozen=True, slots=True)
class Media:
    """One m= section."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str
    direction: str = "sendrecv"
    codec_names: tuple[tuple[int, str], ...] = ()
    attributes: tuple[str, ...] = ()

    def payload_type(self, name: str) -> int | None:
        """The first offered payload type of a codec with an 8 kHz clock."""
        names = dict(self.codec_names)
        for text in self.formats:
            number = int(text) if text.isdecimal() else -1
            if names.get(number, CODECS.get(number, "")).upper() == name.upper():
                return number
        return None

    @property
    def shares_port(self) -> bool:
        """RTP and RTCP on one port (RFC 5761)."""
        return "rtcp-mux" in self.attributes

    @property
    def control(self) -> tuple[str, int] | None:
        """Where RTCP is wanted, when it says so (RFC 3605)."""
        for attribute in self.attributes:
            match = _RTCP.match(attribute)
            if match is not None and 0 < int(match[1]) < 65536:
                return match[2] or self.address, int(match[1])
        return None


@dataclass(frozen=True, slots=True)
class SessionDescription:
    origin: str
    media: tuple[Media, ...] = ()

    @property
    def audio(self) -> Media | None:
        """The first audio stream over RTP or SRTP that is not refused."""
        return next(iter(self.audio_streams), None)

    @property
    def audio_streams(self) -> list[Media]:
        """All of them: some peers offer one with and one without keys."""
        return [m for m in self.media if m.kind == "audio" and m.port and m.protocol in (PLAIN, ENCRYPTED)]


@dataclass(slots=True)
class _Section:
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str
    direction: str
    names: list[tuple[int, str]] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)


def parse_sdp(body: bytes) -> SessionDescription:
    """Read a description; ValueError when it can't be one."""
    if len(body) > MAX_SDP_BYTES:
        raise ValueError("SDP is too long")
    origin, address, direction = "", "", "sendrecv"
    sections: list[_Section] = []
    lines = body.decode("utf-8", errors="replace").replace("\r\n", "\n").split("\n")
    if not lines or lines[0].strip() != "v=0":
        raise ValueError("SDP does not begin with v=0")
    for line in lines:
        key, _, value = line.strip().partition("=")
        if key == "m":
            sections.append(_read_media(value, address, direction))
            if len(sections) > MAX_MEDIA:
                raise ValueError("SDP has too many streams")
        elif key == "o":
            origin = value
        elif key == "c" and sections:
            sections[-1].address = _read_connection(value)
        elif key == "c":
            address = _read_connection(value)
        elif key == "a" and value in DIRECTIONS:
            if sections:
                sections[-1].direction = value
            else:
                direction = value
        elif key == "a" and sections:
            _read_attribute(sections[-1], value)
    return SessionDescription(origin, tuple(_media(section) for section in sections))


def _media(section: _Section) -> Media:
    return Media(
        kind=section.kind,
        port=section.port,
        protocol=section.protocol,
        formats=section.formats,
        address=section.address,
        direction=section.direction,
        codec_names=tuple(section.names),
        attributes=tuple(section.attributes),
    )


def _read_media(value: str, address: str, direction: str) -> _Section:
    parts = value.split()
    if len(parts) < 4:
        raise ValueError("m= line is not valid")
    port = parts[1].partition("/")[0]
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError("m= port is not valid")
    return _Section(parts[0], int(port), parts[2], tuple(parts[3:]), address, direction)


def _read_connection(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise ValueError("c= line is not valid")
    address = parts[2].partition("/")[0]
    if _ADDRESS.match(address) is None:
        raise ValueError("c= address is not valid")
    return address


def _read_attribute(section: _Section, value: str) -> None:
    name, _, text = value.partition(":")
    if name == "rtpmap":
        match = _RTPMAP.match(text)
        if match is not None and match.group(3) == "8000":
            section.names.append((int(match.group(1)), match.group(2)))
    elif len(section.attributes) < 64:
        section.attributes.append(value)


def is_on_hold(media: Media) -> bool:
    """Nothing may be sent: the peer does not receive, or holds the old way with address 0.0.0.0."""
    return media.direction in ("sendonly", "inactive") or media.address in ("0.0.0.0", "::") or not media.port  # noqa: S104


@dataclass(frozen=True, slots=True)
class LocalAudio:
    """Our side of the audio stream; `describe` renders it as offer or answer."""

    address: str
    port: int
    codecs: tuple[int, ...] = (8, 0)
    event_type: int | None = 101
    direction: str = "sendrecv"
    session_id: int = field(default_factory=lambda: secrets.randbits(31))
    version: int = 1
    protocol: str = PLAIN
    crypto: tuple[CryptoLine, ...] = ()
    shares_port: bool = False

    def _session(self) -> list[str]:
        family = "IP6" if ":" in self.address else "IP4"
        return [
            "v=0",
            f"o=- {self.session_id} {self.version} IN {family} {self.address}",
            "s=-",
            f"c=IN {family} {self.address}",
            "t=0 0",
        ]

    def _audio(self) -> list[str]:
        formats = [str(codec) for codec in self.codecs]
        lines = [f"a=rtpmap:{codec} {CODECS[codec]}/8000" for codec in self.codecs]
        if self.event_type is not None:
            formats.append(str(self.event_type))
            lines += [f"a=rtpmap:{self.event_type} telephone-event/8000", f"a=fmtp:{self.event_type} 0-15"]
        return [
            f"m=audio {self.port} {self.protocol} {' '.join(formats)}",
            *lines,
            *(f"a={line.attribute}" for line in self.crypto),
            *(["a=rtcp-mux"] if self.shares_port else []),
            "a=ptime:20",
            f"a={self.direction}",
        ]

    def offer(self) -> bytes:
        """An offer of everything we take."""
        return ("\r\n".join([*self._session(), *self._audio()]) + "\r\n").encode()

    def answer(
        self, offer: SessionDescription, chosen: Media, crypto: CryptoLine | None = None
    ) -> "tuple[LocalAudio, bytes]":
        """Our answer (RFC 3264 section 6): the chosen audio, every other stream refused with port 0.

        `crypto` is our line of the answer. ValueError when there is no common codec (488).
        """
        codecs = tuple(codec for codec in _offered_codecs(chosen) if codec in CODECS)
        if not codecs:
            raise ValueError("no common codec")
        local = replace(
            self,
            codecs=codecs[:1],
            event_type=chosen.payload_type(TELEPHONE_EVENT),
            direction=REVERSED[chosen.direction],
            version=self.version + 1,
            protocol=chosen.protocol,
            crypto=(crypto,) if crypto is not None else (),
            shares_port=chosen.shares_port,
        )
        lines = local._session()
        for media in offer.media:
            if media is chosen:
                lines += local._audio()
            else:
                lines.append(f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}")
        return local, ("\r\n".join(lines) + "\r\n").encode()

    def refuse_all(self, offer: SessionDescription) -> bytes:
        """The answer to an offer without a stream that is on (RFC 3264 section 6): all off."""
        lines = [f"m={m.kind} 0 {m.protocol} {' '.join(m.formats)}" for m in offer.media]
        return ("\r\n".join([*self._session(), *lines]) + "\r\n").encode()


def _offered_codecs(media: Media) -> list[int]:
    return [int(text) for text in media.formats if text.isdecimal()]
