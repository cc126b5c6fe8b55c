"""The network between our user agent and sipp: a UDP relay that keeps a record, and loses, repeats or delays."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]
HOST = "127.0.0.1"
_STATUS = re.compile(rb"SIP/2\.0 (\d{3})")
_CSEQ = re.compile(rb"^CSeq\s*:\s*\d+\s+(\w+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What the network does to messages. They are named `> INVITE` (ours) and `< 200 INVITE` (the peer's).

    `lose`: the first with this name, and one more for each time it is listed; `delay`: the first is so many seconds
    late; `repeat`: the first comes so many times; `lag`: all are late; `twice`: every message arrives twice.
    """

    lose: tuple[str, ...] = ()
    delay: Mapping[str, float] = field(default_factory=dict)
    repeat: Mapping[str, int] = field(default_factory=dict)
    lag: float = 0.0
    twice: bool = False


NO_FAULTS = Faults()


class Relay:
    """One peer's network. `sent` holds our messages as they left us, `heard` the peer's, `ladder` the names of all in order."""

    def __init__(self, faults: Faults, peer: Address) -> None:
        self.faults = faults
        self.ladder: list[str] = []
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []
        self.port = 0
        self._peer = peer
        self.us: Address | None = None
        self._seen: Counter[str] = Counter()
        self._front: asyncio.DatagramTransport | None = None
        self._back: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        self._front = await _listen(self._from_us)
        self._back = await _listen(self._from_peer)
        self.port = self._front.get_extra_info("sockname")[1]

    def close(self) -> None:
        for transport in (self._front, self._back):
            if transport is not None:
                transport.close()

    @property
    def our_messages(self) -> list[str]:
        return [name[2:].removesuffix(" (lost)") for name in self.ladder if name.startswith(">")]

    def _from_us(self, data: bytes, source: Address) -> None:
        self.us = source
        self.sent.append(data)
        assert self._back is not None
        self._carry(f"> {message_name(data)}", data, self._back, self._peer)

    def _from_peer(self, data: bytes, source: Address) -> None:
        self.heard.append(data)
        assert self._front is not None
        assert self.us is not None
        self._carry(f"< {message_name(data)}", data, self._front, self.us)

    def _carry(self, name: str, data: bytes, transport: asyncio.DatagramTransport, to: Address) -> None:
        number = self._seen[name]
        self._seen[name] += 1
        self.ladder.append(name)
        faults = self.faults
        if number < faults.lose.count(name):
            self.ladder[-1] += " (lost)"
            return
        late = faults.lag + (faults.delay.get(name, 0.0) if number == 0 else 0.0)
        copies = faults.repeat.get(name, 1) if number == 0 else 1
        for _ in range(2 if faults.twice else copies):
            if late:
                asyncio.get_running_loop().call_later(late, _send, transport, data, to)
            else:
                _send(transport, data, to)


def _send(transport: asyncio.DatagramTransport, data: bytes, to: Address) -> None:
    if not transport.is_closing():
        transport.sendto(data, to)


def message_name(data: bytes) -> str:
    """`INVITE`, or `200 INVITE` for a response to one."""
    status, cseq = _STATUS.match(data), _CSEQ.search(data)
    if status is None:
        return data.partition(b" ")[0].decode(errors="replace")
    return f"{status.group(1).decode()} {cseq.group(1).decode() if cseq else '?'}"


@asynccontextmanager
async def relay(faults: Faults, peer: Address) -> AsyncIterator[Relay]:
    between = Relay(faults, peer)
    await between.open()
    try:
        yield between
    finally:
        between.close()


class Ear:
    """Where the peer wants to hear us: RTP packets by payload type."""

    def __init__(self) -> None:
        self.heard: Counter[int] = Counter()
        self.port = 0

    def hear(self, data: bytes, source: Address) -> None:
        if len(data) >= 12:
            self.heard[data[1] & 0x7F] += 1


@asynccontextmanager
async def ear() -> AsyncIterator[Ear]:
    listener = Ear()
    transport = await _listen(listener.hear)
    listener.port = transport.get_extra_info("sockname")[1]
    try:
        yield listener
    finally:
        transport.close()


async def _listen(take: Any) -> asyncio.DatagramTransport:
    class Socket(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Address) -> None:
            take(data, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Socket, local_addr=(HOST, 0))
    return transport
