"""Session descriptions (RFC 4566/8866) and the offer/answer of one audio stream (RFC 3264)."""

import re
import secrets
from dataclasses import dataclass, field, replace

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
CODECS = {0: "PCMU", 8: "PCMA"}
TELEPHONE_EVENT = "telephone-event"
MAX_SDP_BYTES = 16384
MAX_MEDIA = 32
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9.\-_]+)/(\d+)")
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


@dataclass(frozen=True, slots=True)
class SessionDescription:
    origin: str
    media: tuple[Media, ...] = ()

    @property
    def audio(self) -> Media | None:
        """The first audio stream over plain RTP that is not refused."""
        for media in self.media:
            if media.kind == "audio" and media.port and media.protocol == "RTP/AVP":
                return media
        return None


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

    def _session(self) -> list[str]:
        family = "IP6" if ":" in self.address else "IP4"
        return [
            "v=0",
            f"o=- {self.session_id} {self.version} IN {family} {self.address}",
            "s=-",
            f"c=IN {family} {self.address}",
            "t=0 0",
        ]

    def _audio(self, protocol: str = "RTP/AVP") -> list[str]:
        formats = [str(codec) for codec in self.codecs]
        lines = [f"a=rtpmap:{codec} {CODECS[codec]}/8000" for codec in self.codecs]
        if self.event_type is not None:
            formats.append(str(self.event_type))
            lines += [f"a=rtpmap:{self.event_type} telephone-event/8000", f"a=fmtp:{self.event_type} 0-15"]
        return [
            f"m=audio {self.port} {protocol} {' '.join(formats)}",
            *lines,
            "a=ptime:20",
            f"a={self.direction}",
        ]

    def offer(self) -> bytes:
        """An offer of everything we take."""
        return ("\r\n".join([*self._session(), *self._audio()]) + "\r\n").encode()

    def answer(self, offer: SessionDescription) -> "tuple[LocalAudio, bytes]":
        """Our answer (RFC 3264 section 6): the chosen audio, every other stream refused with port 0.

        ValueError when no stream suits (488).
        """
        chosen = offer.audio
        codecs = tuple(codec for codec in _offered_codecs(chosen) if codec in CODECS) if chosen else ()
        if chosen is None or not codecs:
            raise ValueError("no common codec")
        local = replace(
            self,
            codecs=codecs[:1],
            event_type=chosen.payload_type(TELEPHONE_EVENT),
            direction=REVERSED[chosen.direction],
            version=self.version + 1,
        )
        lines = local._session()
        for media in offer.media:
            if media is chosen:
                lines += local._audio(media.protocol)
            else:
                lines.append(f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}")
        return local, ("\r\n".join(lines) + "\r\n").encode()


def _offered_codecs(media: Media) -> list[int]:
    return [int(text) for text in media.formats if text.isdecimal()]
