"""Session descriptions of one G.711 stream: offer and answer (RFC 4566, RFC 3264)."""

from dataclasses import dataclass, field
from typing import Final, Literal

from telephony.rtp.packet import PCMA, PCMU

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

_CODEC_NAMES: Final = {PCMU: "PCMU", PCMA: "PCMA"}
_DIRECTIONS: Final[dict[str, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "sendonly",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
_MIRROR: Final[dict[Direction, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


class NoCommonCodecError(ValueError):
    """The offer has no audio stream that can carry G.711."""


@dataclass(frozen=True, slots=True)
class AudioSession:
    """The peer's side of a session: where to send which payload type, and whether it wants to hear us."""

    host: str
    port: int
    payload_type: int
    direction: Direction = "sendrecv"
    audio_line: int = 0  # which of the offer's m= lines it is
    media_lines: tuple[str, ...] = field(default=("audio 0 RTP/AVP 0",))

    @property
    def wants_audio(self) -> bool:
        """On hold the peer hears nothing: sendonly, inactive, or the old way 0.0.0.0 (RFC 3264 section 8.4)."""
        return self.direction in ("sendrecv", "recvonly") and self.host != "0.0.0.0"  # noqa: S104


def parse_session(body: bytes) -> AudioSession:
    """Read an offer or an answer; NoCommonCodecError without G.711, ValueError when it is no SDP."""
    session_host = host = ""
    direction: Direction = "sendrecv"
    media: list[str] = []
    chosen: tuple[int, int, int] | None = None  # m= line, port, payload type
    for line in body.decode("utf-8").splitlines():
        kind, _, value = line.strip().partition("=")
        if kind == "m":
            media.append(value)
            if chosen is None and (audio := _audio(value)) is not None:
                chosen, host = (len(media) - 1, *audio), session_host
        elif kind == "c" and not media:
            session_host = value.split()[-1] if value.split() else ""
        elif kind == "c" and _is_current(chosen, media):
            host = value.split()[-1] if value.split() else ""
        elif kind == "a" and value in _DIRECTIONS and (not media or _is_current(chosen, media)):
            direction = _DIRECTIONS[value]
    if chosen is None:
        raise NoCommonCodecError("no G.711 audio in the session description")
    if not host:
        raise ValueError("no connection address in the session description")
    return AudioSession(host, chosen[1], chosen[2], direction, chosen[0], tuple(media))


def _is_current(chosen: tuple[int, int, int] | None, media: list[str]) -> bool:
    return chosen is not None and chosen[0] == len(media) - 1


def _audio(line: str) -> tuple[int, int] | None:
    """(port, payload type) of an m= line that carries G.711; the offerer's order decides."""
    words = line.split()
    if len(words) < 4 or words[0] != "audio" or words[2] not in ("RTP/AVP", "RTP/AVPF"):
        return None
    port = words[1].partition("/")[0]
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return None
    for word in words[3:]:
        if word in ("0", "8"):
            return int(port), int(word)
    return None


def write_answer(offer: AudioSession, host: str, port: int, version: int) -> bytes:
    """The answer: one audio stream, every other stream refused with port 0 (RFC 3264 section 6)."""
    lines = _head(host, version)
    for index, media in enumerate(offer.media_lines):
        if index != offer.audio_line:
            words = media.split()
            lines.append(f"m={' '.join([words[0], '0', *words[2:]])}" if len(words) > 3 else f"m={media}")
            continue
        lines += _audio_lines(port, (offer.payload_type,), _MIRROR[offer.direction])
    return _join(lines)


def write_offer(host: str, port: int, version: int) -> bytes:
    """Our own offer, for an INVITE that came without one (RFC 3261 section 13.3.1)."""
    return _join(_head(host, version) + _audio_lines(port, (PCMU, PCMA), "sendrecv"))


def _head(host: str, version: int) -> list[str]:
    return [
        "v=0",
        f"o=demo {_session_id(host)} {version} IN IP4 {host}",
        "s=demo",
        f"c=IN IP4 {host}",
        "t=0 0",
    ]


def _session_id(host: str) -> int:
    """A session id; one a host is enough, the dialog tells sessions apart."""
    return sum(host.encode())


def _audio_lines(port: int, payload_types: tuple[int, ...], direction: Direction) -> list[str]:
    codecs = " ".join(str(item) for item in payload_types)
    maps = [f"a=rtpmap:{item} {_CODEC_NAMES[item]}/8000" for item in payload_types]
    return [f"m=audio {port} RTP/AVP {codecs}", *maps, "a=ptime:20", f"a={direction}"]


def _join(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
