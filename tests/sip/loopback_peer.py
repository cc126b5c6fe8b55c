"""A real SIP peer on loopback, over UDP, TCP or TLS, that does what the test says."""

import asyncio
import itertools
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

from sipmessage import Request, Response

from audio.g711 import ALAW_SILENCE_FRAME
from telephony.rtp.packet import RtpPacket
from telephony.sip.account import SipAccount
from telephony.sip.framing import StreamFramer
from telephony.sip.message import Envelope, make_response, new_tag, read_message, serialize
from telephony.sip.sdp import LocalAudio, parse_sdp
from tests.patience import PATIENCE

Send = Callable[[bytes], None]


@dataclass
class Behaviour:
    """How the peer takes a call."""

    ring_after: float | None = 0.01
    answer_after: float | None = 0.03
    code: int = 200
    final_headers: dict[str, str] = field(default_factory=dict)
    audio_frames: int = 0
    lost_frames: frozenset[int] = frozenset()
    early_frames: int = 0
    bye_after: float | None = None
    refer_code: int = 202
    notifies: tuple[str, ...] = ("100 Trying", "200 OK")
    final_notify_after: float = 0.0  # seconds in which the transferred person waits for an agent
    notify_first: bool = False
    refers_too_early: int = (
        0  # so many REFERs are taken and then said to have failed, as by an unbridged Asterisk
    )
    bye_after_refer: bool = False
    ignores: frozenset[str] = frozenset()
    answers_cancel_with_200: bool = False
    password_code: int | None = None
    register_code: int = 200
    lost_pings: int = 0
    pongs: int = 0  # keep-alives that are answered, then no more


class LoopbackPeer:
    """Answers REGISTER, INVITE, REFER and BYE; `received` holds what came."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.received: list[Envelope] = []
        self.rtp_received: list[bytes] = []
        self.port = 0
        self.connections = 0
        self.keep_alives = 0
        self.break_connections: Callable[[], None] = lambda: None
        self.transport = "udp"
        self.host = "127.0.0.1"
        self.contact = ""
        self._send: Send = lambda data: None
        self._tag = new_tag()
        self._branches = itertools.count(1)
        self._cseq = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._rtp: asyncio.DatagramTransport | None = None
        self._rtp_to: tuple[str, int] | None = None
        self._invite: Envelope | None = None
        self._rtp_sequence = itertools.count(1)

    @property
    def methods(self) -> list[str]:
        return [_name(envelope) for envelope in self.received]

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def requests(self, method: str) -> list[Envelope]:
        return [envelope for envelope in self.received if _name(envelope) == method]

    def account(self, password: str = "secret") -> SipAccount:
        return SipAccount("6001", password, self.host, self.port, self.transport)

    def take(self, data: bytes, send: Send) -> None:
        if not data.strip():
            self.keep_alives += 1
            return
        envelope = read_message(data)
        self.received.append(envelope)
        self._send = send
        if not isinstance(envelope.message, Request) or envelope.method in self.behaviour.ignores:
            return
        handler = getattr(self, f"_on_{envelope.method.lower()}", None)
        if handler is not None:
            handler(envelope)

    def take_pings(self, pings: int, send: Send) -> None:
        for _ in range(pings):
            self.keep_alives += 1
            if self.behaviour.pongs > 0:
                self.behaviour.pongs -= 1
                send(b"\r\n")

    def _reply(
        self, envelope: Envelope, code: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        assert isinstance(envelope.message, Request)
        response: Response = make_response(envelope.message, code, to_tag=self._tag)
        ours = f"<sip:peer@{self._bracketed}:{self.port};transport={self.transport}>"
        response.headers.set("Contact", self.contact or ours)
        for name, value in (headers or {}).items():
            response.headers.set(name, value)
        if body:
            response.headers.set("Content-Type", "application/sdp")
            response.body = body
        self._send(serialize(response))

    def _request(self, method: str, body: bytes = b"", **headers: str) -> None:
        assert self._invite is not None
        invite = self._invite
        assert invite.contact is not None
        request = Request(method, invite.contact.uri, body)
        via = f"SIP/2.0/{self.transport.upper()} {self._bracketed}:{self.port};branch=z9hG4bKpeer{next(self._branches)}"
        request.headers.set("Via", via)
        request.headers.set("From", f"{invite.message.headers['To']};tag={self._tag}")
        request.headers.set("To", invite.message.headers["From"])
        request.headers.set("Call-ID", invite.call_id)
        request.headers.set("CSeq", f"{next(self._cseq)} {method}")
        for name, value in headers.items():
            request.headers.set(name.replace("_", "-"), value)
        self._send(serialize(request))

    def _on_register(self, envelope: Envelope) -> None:
        code = self.behaviour.password_code
        if code is not None:
            challenge = f'Digest realm="pbx", nonce="{len(self.received)}", qop="auth"'
            self._reply(envelope, code, headers={"WWW-Authenticate": challenge})
        else:
            self._reply(envelope, self.behaviour.register_code, headers={"Expires": "300"})

    def _on_options(self, envelope: Envelope) -> None:
        if self.behaviour.lost_pings > 0:
            self.behaviour.lost_pings -= 1
            return
        self._reply(envelope, 200)

    def _on_invite(self, envelope: Envelope) -> None:
        self._invite = envelope
        self._reply(envelope, 100)
        self._spawn(self._take_call(envelope))

    async def _take_call(self, envelope: Envelope) -> None:
        behaviour = self.behaviour
        await self._open_rtp(envelope)
        sdp = LocalAudio(self.host, self._rtp_port, codecs=(8,)).offer()
        if behaviour.ring_after is not None:
            await asyncio.sleep(behaviour.ring_after)
            self._reply(
                envelope, 183 if behaviour.early_frames else 180, sdp if behaviour.early_frames else b""
            )
            await self._talk(behaviour.early_frames)
        if behaviour.answer_after is None:
            return
        await asyncio.sleep(behaviour.answer_after)
        self._reply(envelope, behaviour.code, sdp if behaviour.code == 200 else b"", behaviour.final_headers)
        if behaviour.code != 200:
            return
        self._spawn(self._talk(behaviour.audio_frames))
        if behaviour.bye_after is not None:
            await asyncio.sleep(behaviour.bye_after)
            self._request("BYE")

    def _on_cancel(self, envelope: Envelope) -> None:
        self._reply(envelope, 200)
        assert self._invite is not None
        if self.behaviour.answers_cancel_with_200:
            sdp = LocalAudio(self.host, self._rtp_port, codecs=(8,)).offer()
            self._reply(self._invite, 200, sdp)
        else:
            self._reply(self._invite, 487)

    def _on_refer(self, envelope: Envelope) -> None:
        behaviour = self.behaviour
        too_early = len(self.requests("REFER")) <= behaviour.refers_too_early
        if not behaviour.notify_first:
            self._reply(envelope, behaviour.refer_code)
        for line in ("400 Bad Request",) if too_early else behaviour.notifies:
            if behaviour.final_notify_after and not line.startswith("1"):
                loop = asyncio.get_running_loop()
                loop.call_later(behaviour.final_notify_after, self._notify, line, envelope.cseq)
            else:
                self._notify(line, envelope.cseq)
        if behaviour.bye_after_refer:
            self._request("BYE")
        if behaviour.notify_first:
            self._reply(envelope, behaviour.refer_code)

    def _notify(self, line: str, refer: int) -> None:
        state = "active" if line.startswith("1") else "terminated;reason=noresource"
        body = f"SIP/2.0 {line}\r\n".encode()
        event = f"refer;id={refer}"
        self._request("NOTIFY", body, Event=event, Subscription_State=state, Content_Type="message/sipfrag")

    def _on_bye(self, envelope: Envelope) -> None:
        self._reply(envelope, 200)

    async def _open_rtp(self, envelope: Envelope) -> None:
        audio = parse_sdp(envelope.message.body).audio
        assert audio is not None
        self._rtp_to = (audio.address, audio.port)
        received = self.rtp_received
        if self._rtp is not None:
            self._rtp.close()  # of the call before

        class Ear(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                received.append(data)

        self._rtp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Ear, local_addr=(self.host, 0)
        )
        self._rtp_port: int = self._rtp.get_extra_info("sockname")[1]

    async def _talk(self, frames: int) -> None:
        assert self._rtp is not None
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(frames):
            await asyncio.sleep(start + number * 0.02 - loop.time())
            sequence = next(self._rtp_sequence)
            if number not in self.behaviour.lost_frames and not self._rtp.is_closing():
                packet = RtpPacket(8, sequence, sequence * 160, 7, ALAW_SILENCE_FRAME)
                self._rtp.sendto(packet.serialize(), self._rtp_to)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._rtp is not None:
            self._rtp.close()


@asynccontextmanager
async def loopback_peer(
    behaviour: Behaviour | None = None,
    *,
    transport: str = "udp",
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[LoopbackPeer]:
    """A peer that listens on this port, or a free one, of a loopback address."""
    peer = LoopbackPeer(behaviour or Behaviour())
    peer.transport, peer.host = transport, host
    loop = asyncio.get_running_loop()
    if transport == "udp":

        class Datagrams(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast("asyncio.DatagramTransport", transport)

            def datagram_received(self, data: bytes, addr: Any) -> None:
                peer.take(data, lambda answer: self.transport.sendto(answer, addr))

        datagrams, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=(host, port))
        peer.port = datagrams.get_extra_info("sockname")[1]
        try:
            yield peer
        finally:
            peer.close()
            datagrams.close()
        return

    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        peer.connections += 1
        framer = StreamFramer()
        while data := await reader.read(4096):
            pings = framer.pings
            messages = framer.feed(data)
            peer.take_pings(framer.pings - pings, writer.write)
            for message in messages:
                peer.take(message, writer.write)

    def break_connections() -> None:
        for writer in writers:
            writer.transport.abort()

    peer.break_connections = break_connections
    server = await asyncio.start_server(serve, host, port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        peer.close()
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


@contextmanager
def peer_in_thread(
    behaviour: Behaviour | None = None,
    *,
    transport: str = "udp",
    certificate: Path | None = None,
    port: int = 0,
) -> Iterator[LoopbackPeer]:
    """A peer with a loop of its own, for tests that have none. `certificate`: a folder with `crt` and `key`."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate / "crt", certificate / "key")
    ready: SimpleQueue[LoopbackPeer] = SimpleQueue()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with loopback_peer(behaviour, transport=transport, tls=tls, port=port) as peer:
            ready.put(peer)
            await over.wait()
        if tls is not None:
            await asyncio.sleep(0.1)  # a handshake that failed ends in its own time

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        yield ready.get(timeout=PATIENCE)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
        loop.close()


async def eventually(condition: Callable[[], object], within: float = PATIENCE) -> None:
    for _ in range(round(within * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


def _name(envelope: Envelope) -> str:
    message = envelope.message
    return message.method if isinstance(message, Request) else str(message.code)
