"""A small name server on loopback, over UDP, that knows what the test writes into its zone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from telephony.sip.name_service import NameService


class DnsServer:
    """`zone` holds for (name, type) the records as text; `asked` what was asked for."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.ttl = 300
        self.is_silent = False
        self.fails = False
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    def names(self) -> NameService:
        return NameService([("127.0.0.1", self.port)])

    def serve(self, service: str, *targets: tuple[int, int, int, str]) -> None:
        """SRV records (priority, weight, port, target), and the targets' address."""
        self.zone[service, "SRV"] = [f"{p} {w} {port} {target}" for p, w, port, target in targets]
        for *_, target in targets:
            if target != ".":
                self.zone[target.rstrip("."), "A"] = ["127.0.0.1"]

    def answer(self, data: bytes) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.is_silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif records := self.zone.get((name, kind)):
            response.answer.append(dns.rrset.from_text_list(question.name, self.ttl, "IN", kind, records))
        elif not any(name == known for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


@asynccontextmanager
async def dns_server() -> AsyncIterator[DnsServer]:
    server = DnsServer()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: Any) -> None:
            if (answer := server.answer(data)) is not None:
                self.transport.sendto(answer, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, local_addr=("127.0.0.1", 0)
    )
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
