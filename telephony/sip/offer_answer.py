"""Offer and answer of one call's audio (RFC 3264, RFC 3261 section 13.2.1): who may say what when."""

import ipaddress
from dataclasses import replace
from typing import Protocol

from sipmessage import Request, Response

from ..rtp.agreed import AgreedAudio
from ..rtp.srtp import SrtpKeys
from .body import session_description
from .message import Envelope
from .sdes import CryptoLine, MediaEncryption, crypto_lines, new_line, new_offer
from .sdp import (
    CODECS,
    ENCRYPTED,
    PLAIN,
    TELEPHONE_EVENT,
    LocalAudio,
    Media,
    SessionDescription,
    is_on_hold,
    parse_sdp,
)


class CallMedia(Protocol):
    """The media session that a call steers."""

    @property
    def port(self) -> int: ...

    @property
    def host(self) -> str: ...

    def negotiate(self, agreed: AgreedAudio) -> None: ...

    def hold(self, on_hold: bool) -> None: ...

    def answer(self) -> None: ...

    def close(self) -> None: ...


class UnusableAudioError(ValueError):
    """An offer or answer that gives us no audio; says why."""


class AudioNegotiation:
    """Our description of the audio, and what the peer's makes of it."""

    def __init__(self, media: CallMedia, encryption: MediaEncryption = MediaEncryption.NONE) -> None:
        self._media = media
        self._encryption = encryption
        self._local = LocalAudio(
            media.host,
            media.port,
            protocol=ENCRYPTED if encryption is MediaEncryption.REQUIRED else PLAIN,
            crypto=new_offer() if encryption is not MediaEncryption.NONE else (),
        )
        self._agreed: AgreedAudio | None = None
        self._was_answered_early = False
        self._said = b""  # last
        self._closed = False

    @property
    def media(self) -> CallMedia:
        """The session that it steers."""
        return self._media

    def offer(self) -> bytes:
        """Our full offer: for the INVITE, and for a re-INVITE that comes without one. Keys in use stay (RFC 4568 7.1.4)."""
        body = self._local.offer()
        if self._said not in (b"", body):  # RFC 3264 section 8: another description has a higher version
            self._local = replace(self._local, version=self._local.version + 1)
            body = self._local.offer()
        self._said = body
        return body

    def offer_in_the_clear(self) -> bool:
        """A peer refused our offer: is there a plain one to make? Where keys are only preferred, once."""
        if self._encryption is not MediaEncryption.PREFERRED or not self._local.crypto:
            return False
        self._local = replace(self._local, crypto=())
        return True

    def take_early_answer(self, response: Envelope) -> None:
        """SDP in a provisional response: early media may come (RFC 3960)."""
        description = _description_of(response.message)
        if description is not None and not self._refusal_of(description):
            self._was_answered_early = True

    def take_answer(self, response: Envelope) -> None:
        """SDP of the 2xx, else the one of an earlier reliable-looking provisional. UnusableAudioError: none of use."""
        description = _description_of(response.message)
        if description is None and not self._was_answered_early:
            raise UnusableAudioError("answer without usable audio")
        if description is not None and (why := self._refusal_of(description)):
            raise UnusableAudioError(why)
        if self._agreed is not None and self._agreed.keys is None:
            self._local = replace(self._local, crypto=())  # the peer has none: no later offer tries again
        if not self._closed:
            self._media.answer()

    def take_offer(self, body: bytes) -> bytes:
        """Answer an offer of the peer in re-INVITE or UPDATE; ValueError: nothing suits, 488."""
        offer = parse_sdp(body)
        if offer.media and not any(m.port for m in offer.media):
            # Every stream is off (RFC 3264 section 8.2): so are ours, and the call waits for what comes next.
            self._local = replace(self._local, version=self._local.version + 1)
            self._hold(True)
            self._said = self._local.refuse_all(offer)
            return self._said
        media, line = self._choose(offer)
        ours = self._our_line(line) if line is not None else None
        local, body = self._local.answer(offer, media, ours)
        keys = SrtpKeys(line.suite, ours.key, line.key) if line is not None and ours is not None else None
        self._apply(media, keys, mux=media.shares_port)
        # What we offer later is all that we can again, with the keys in use.
        self._local = replace(
            self._local,
            version=local.version,
            protocol=local.protocol,
            crypto=(replace(ours, tag=1),) if ours is not None else self._local.crypto,
        )
        self._said = body
        return body

    def take_late_answer(self, message: Envelope) -> bool:
        """The answer to our offer in a 200, in the ACK (RFC 3261 section 14.2), or to our re-INVITE."""
        description = _description_of(message.message)
        return description is not None and not self._refusal_of(description)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._media.close()

    # --- answers to our offer ------------------------------------------------------------------------

    def _refusal_of(self, answer: SessionDescription) -> str:
        """Takes an answer to our offer; why it gives us no audio, or nothing when it does."""
        media = answer.audio
        if media is None:
            return "answer without usable audio"
        line = next((theirs for theirs in crypto_lines(media.attributes) if self._offered(theirs)), None)
        if line is None and self._encryption is MediaEncryption.REQUIRED:
            return "the answer is not encrypted with a key that we can use, and this port requires it"
        if line is None and media.protocol == ENCRYPTED:
            return "the answer is encrypted with no key of ours"
        ours = self._offered(line) if line is not None else None
        keys = SrtpKeys(line.suite, ours.key, line.key) if line is not None and ours is not None else None
        return "" if self._apply(media, keys) else "answer without usable audio"

    def _offered(self, theirs: CryptoLine) -> CryptoLine | None:
        """Our line that this one answers."""
        return next((o for o in self._local.crypto if (o.tag, o.suite) == (theirs.tag, theirs.suite)), None)

    # --- offers of the peer ----------------------------------------------------------------------------

    def _choose(self, offer: SessionDescription) -> tuple[Media, CryptoLine | None]:
        """The stream that we take, encrypted where both can; UnusableAudioError when the peer offers none for us."""
        streams = offer.audio_streams
        if self._encryption is not MediaEncryption.NONE:
            for media in streams:
                lines = crypto_lines(media.attributes)
                if lines:
                    return media, lines[0]
        if self._encryption is MediaEncryption.REQUIRED:
            raise UnusableAudioError("the offer is not encrypted with a key that we can use")
        plain = next((media for media in streams if media.protocol == PLAIN), None)
        if plain is None:
            raise UnusableAudioError("no audio over plain RTP is offered")
        return plain, None

    def _our_line(self, theirs: CryptoLine) -> CryptoLine:
        """Our key of the answer: the one in use while theirs stays, a new one with a new one of theirs."""
        keys = self._agreed.keys if self._agreed is not None else None
        if keys is not None and (keys.suite, keys.remote) == (theirs.suite, theirs.key):
            return CryptoLine(theirs.tag, theirs.suite, keys.local)
        return new_line(theirs.tag, theirs.suite)

    # --- the media session -----------------------------------------------------------------------------

    def _apply(self, media: Media, keys: SrtpKeys | None, *, mux: bool = False) -> bool:
        codec = next((int(f) for f in media.formats if f.isdecimal() and int(f) in CODECS), None)
        if codec is None or not media.address:
            return False
        if not self._closed:
            self._hold(is_on_hold(media))
            if media.address not in ("0.0.0.0", "::"):  # noqa: S104
                self._negotiate(media, codec, keys, mux)
        return True

    def _negotiate(self, media: Media, codec: int, keys: SrtpKeys | None, mux: bool) -> None:
        self._agreed = AgreedAudio(
            address=_literal(media.address, media.port),
            payload_type=codec,
            event_type=media.payload_type(TELEPHONE_EVENT),
            control=_literal(*media.control) if media.control is not None else None,
            mux=mux,
            keys=keys,
        )
        self._media.negotiate(self._agreed)

    def _hold(self, on_hold: bool) -> None:
        if not self._closed:
            self._media.hold(on_hold)


def _literal(host: str, port: int) -> tuple[str, int] | None:
    """An address as sockets write it; None for a name, for which no call may wait."""
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        return None


def _description_of(message: Request | Response) -> SessionDescription | None:
    body = session_description(message)
    if not body:
        return None
    try:
        return parse_sdp(body)
    except ValueError:
        return None
