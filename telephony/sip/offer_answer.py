"""Offer and answer of one call's audio (RFC 3264, RFC 3261 section 13.2.1): who may say what when."""

from typing import Protocol

from sipmessage import Request, Response

from .message import Envelope
from .sdp import CODECS, TELEPHONE_EVENT, LocalAudio, Media, SessionDescription, is_on_hold, parse_sdp


class CallMedia(Protocol):
    """The media session that a call steers."""

    @property
    def port(self) -> int: ...

    @property
    def host(self) -> str: ...

    def negotiate(self, host: str, port: int, payload_type: int, event_type: int | None) -> None: ...

    def hold(self, on_hold: bool) -> None: ...

    def answer(self) -> None: ...

    def close(self) -> None: ...


class AudioNegotiation:
    """Our description of the audio, and what the peer's makes of it."""

    def __init__(self, media: CallMedia) -> None:
        self._media = media
        self._local = LocalAudio(media.host, media.port)
        self._early: Media | None = None
        self._closed = False

    @property
    def media(self) -> CallMedia:
        """The session that it steers."""
        return self._media

    def offer(self) -> bytes:
        """Our full offer: for the INVITE, and for a re-INVITE that comes without one."""
        return self._local.offer()

    def take_early_answer(self, response: Envelope) -> None:
        """SDP in a provisional response: early media may come (RFC 3960)."""
        media = _audio_of(response.message)
        if media is not None and self._apply(media):
            self._early = media

    def take_answer(self, response: Envelope) -> bool:
        """SDP of the 2xx, else the one of an earlier reliable-looking provisional; False: no usable audio."""
        media = _audio_of(response.message) or self._early
        if media is None or not self._apply(media):
            return False
        if not self._closed:
            self._media.answer()
        return True

    def take_offer(self, request: Request) -> bytes:
        """Answer an offer of the peer in re-INVITE or UPDATE; ValueError: nothing suits, 488."""
        offer = parse_sdp(request.body)
        local, body = self._local.answer(offer)
        media = offer.audio
        assert media is not None
        self._local = LocalAudio(
            local.address,
            local.port,
            direction="sendrecv",
            session_id=local.session_id,
            version=local.version,
        )
        self._apply(media)
        return body

    def take_late_answer(self, ack: Envelope) -> bool:
        """The answer to our offer in a 200, in the ACK (RFC 3261 section 14.2)."""
        media = _audio_of(ack.message)
        return media is not None and self._apply(media)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._media.close()

    def _apply(self, media: Media) -> bool:
        codec = next((int(f) for f in media.formats if f.isdecimal() and int(f) in CODECS), None)
        if codec is None or not media.address:
            return False
        if not self._closed:
            held = is_on_hold(media)
            self._media.hold(held)
            if not held or media.address not in ("0.0.0.0", "::"):  # noqa: S104
                self._media.negotiate(media.address, media.port, codec, media.payload_type(TELEPHONE_EVENT))
        return True


def _audio_of(message: Request | Response) -> Media | None:
    if not message.body:
        return None
    try:
        description: SessionDescription = parse_sdp(message.body)
    except ValueError:
        return None
    return description.audio
