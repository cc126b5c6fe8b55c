"""What host names and services stand for: the hosts file, DNS, and what else the system knows.

Records are kept as long as DNS says (their TTL); while no name server answers, what was known last goes on (RFC 8767).
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

HOSTS_FILE = Path("/etc/hosts")
ASK_S = 2.0  # for all name servers together: the system's own way is tried after that
KEEP_S = (1.0, 3600.0)  # shortest and longest, whatever DNS says
NOTHING_S = 60.0  # an answer without records
FAILED_S = 10.0  # no answer: a call placed meanwhile does not wait again
MAX_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class _Kept:
    records: tuple[Any, ...]
    until: float


class NameService:
    """Asks the system's name servers, or those at `servers` (address, port). Belongs to one event loop."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        self._servers = servers
        self._client: dns.asyncresolver.Resolver | None = None
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[tuple[Any, ...]]] = {}

    async def services(self, service: str, host: str) -> list[Service]:
        """SRV records, as `_sip._udp` of a host; none when it has none, or DNS is not there."""
        records = await self._once((f"{service}.{host}", "SRV"), lambda: self._ask(service, host))
        return [Service(r.priority, r.weight, r.port, r.target.to_text(True)) for r in records]

    async def addresses(self, host: str) -> list[str]:
        """IPv4 before IPv6; OSError (socket.gaierror) when it has none."""
        if known := _in_hosts_file(host):
            return known
        found = await asyncio.gather(
            *(self._once((host, kind), lambda kind=kind: self._ask("", host, kind)) for kind in ("A", "AAAA"))  # type: ignore[misc]
        )
        if any(found):
            return [record.address for records in found for record in records]
        return list(await self._once((host, "system"), lambda: self._ask_the_system(host)))

    def close(self) -> None:
        for task in self._asking.values():
            task.cancel()

    async def _once(self, key: tuple[str, str], ask: Callable[[], Any]) -> tuple[Any, ...]:
        """From memory, or asked by one of those who want it at this moment."""
        kept = self._kept.get(key)
        if kept is not None and kept.until > asyncio.get_running_loop().time():
            return kept.records
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(ask())
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, service: str, host: str, kind: str = "SRV") -> tuple[Any, ...]:
        name = f"{service}.{host}" if service else host
        try:
            answer = await self._resolver().resolve(
                name, kind, search="." not in host, raise_on_no_answer=False, lifetime=ASK_S
            )
        except dns.resolver.NXDOMAIN:
            return self._keep((name, kind), (), NOTHING_S)
        except (dns.exception.DNSException, OSError, ValueError):
            known = self._kept.get((name, kind))
            return self._keep((name, kind), known.records if known is not None else (), FAILED_S)
        if answer.rrset is None:
            return self._keep((name, kind), (), NOTHING_S)
        shortest, longest = KEEP_S
        return self._keep((name, kind), tuple(answer.rrset), min(max(answer.rrset.ttl, shortest), longest))

    async def _ask_the_system(self, host: str) -> tuple[str, ...]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except UnicodeError as error:  # a label of more than 63 letters, say
            raise socket.gaierror(socket.EAI_NONAME, "that is no host name") from error
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        return self._keep((host, "system"), addresses, NOTHING_S)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._client is None:
            self._client = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                self._client.nameservers = [
                    dns.nameserver.Do53Nameserver(*server) for server in self._servers
                ]
            self._client.timeout = ASK_S / 2
        return self._client

    def _keep(self, key: tuple[str, str], records: tuple[Any, ...], seconds: float) -> tuple[Any, ...]:
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[key] = _Kept(records, asyncio.get_running_loop().time() + seconds)
        return records


def _in_hosts_file(host: str) -> list[str]:
    """It goes before DNS, as everywhere on the system."""
    try:
        lines = HOSTS_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    entries = (line.partition("#")[0].split() for line in lines)
    found = [entry[0] for entry in entries if host.lower() in (name.lower() for name in entry[1:])]
    return sorted(dict.fromkeys(found), key=lambda address: ":" in address)
