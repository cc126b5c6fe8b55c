"""Where a request goes: RFC 3263, from a host name to addresses in the order in which they are to be tried.

NAPTR is not asked: it chooses the transport, and ours is always given, by the port's setting or by the URI.
"""

import asyncio
import ipaddress
import random
from collections.abc import Callable, Iterable, Sequence

from sipmessage import URI

from .account import default_port
from .name_service import NameService, Service
from .transport import Destination

MAX_PLACES = 8  # a call does not try more
AVOID_S = 30.0  # a place that failed is not the first choice for so long
SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}


def literal_address(host: str) -> str | None:
    """The address when `host` is one, else None."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def transport_of(uri: URI, otherwise: str) -> str:
    """`transport` parameter of a URI; sips means TLS (RFC 3261 section 19.1)."""
    if uri.scheme == "sips":
        return "tls"
    wanted = (uri.parameters.get("transport") or "").lower()
    return wanted if wanted in ("udp", "tcp", "tls") else otherwise


def in_order(services: Iterable[Service], draw: Callable[[float, float], float]) -> list[Service]:
    """By priority, and by chance within one: the more weight, the more often first (RFC 2782). `draw` is
    `random.uniform`, or what a test puts in its place."""
    left = sorted(services, key=lambda service: (service.priority, service.weight))
    ordered: list[Service] = []
    while left:
        equal = [service for service in left if service.priority == left[0].priority]
        mark = draw(0, sum(service.weight for service in equal))
        for chosen in equal:
            mark -= chosen.weight
            if mark <= 0:
                break
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


class Resolver:
    """Host names to places; remembers which of them failed."""

    def __init__(self, names: NameService) -> None:
        self._names = names
        self._failed: dict[tuple[str, str, int], float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def destinations(self, host: str, port: int | None, transport: str) -> list[Destination]:
        """At least one; OSError when the name has no address. A port that is given, or an address, means no SRV."""
        transport = transport.lower()
        literal = literal_address(host)
        if literal is not None:
            return [Destination(transport, literal, port or default_port(transport), host.strip("[]"))]
        services = await self._names.services(SERVICES[transport], host) if port is None else []
        if services:
            places = await self._places_of(services, host, transport)
        else:
            number = port or default_port(transport)
            addresses = await self._names.addresses(host)
            places = [Destination(transport, address, number, host) for address in addresses]
        return places[:MAX_PLACES]

    async def _places_of(self, services: list[Service], host: str, transport: str) -> list[Destination]:
        """The certificate of TLS is that of `host`, whatever the targets are called (RFC 5922 section 4)."""
        offered = [service for service in services if service.target != "." and service.port]
        ordered = in_order(offered, random.uniform)
        found = await asyncio.gather(
            *(self._names.addresses(service.target) for service in ordered), return_exceptions=True
        )
        places = [
            Destination(transport, address, service.port, host)
            for service, addresses in zip(ordered, found, strict=True)
            if not isinstance(addresses, BaseException)
            for address in addresses
        ]
        if not places:
            raise OSError(None, f"its SRV records for {transport.upper()} lead nowhere")
        return list({place.address: place for place in places}.values())

    def failed(self, destination: Destination) -> None:
        """A call got no answer there, or 503: others are tried first for a while."""
        if len(self._failed) > 1000:
            self._failed.clear()
        self._failed[destination.address] = asyncio.get_running_loop().time() + AVOID_S

    def has_failed(self, destination: Destination) -> bool:
        """Lately."""
        return self._failed.get(destination.address, 0.0) > asyncio.get_running_loop().time()

    def resolve(
        self, uri: URI, otherwise: Destination, then: Callable[[Sequence[Destination]], None]
    ) -> None:
        """Call `then` with the places of a dialog's next hop: at once for an address, later for a name.

        A name that can't be found, or that also stands for `otherwise`, goes there first: the call came through it.
        """
        transport = transport_of(uri, otherwise.transport)
        literal = literal_address(uri.host)
        if literal is not None:
            port = uri.port or default_port(transport)
            same = (literal, port, transport) == (otherwise.host, otherwise.port, otherwise.transport)
            then([otherwise if same else Destination(transport, literal, port, uri.host.strip("[]"))])
            return
        task = asyncio.get_running_loop().create_task(self._resolve(uri, transport, otherwise, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(
        self,
        uri: URI,
        transport: str,
        otherwise: Destination,
        then: Callable[[Sequence[Destination]], None],
    ) -> None:
        try:
            found = await self.destinations(uri.host, uri.port, transport)
        except OSError:
            found = [otherwise]
        then(sorted(found, key=lambda place: (place.address != otherwise.address, self.has_failed(place))))

    def close(self) -> None:
        self._names.close()
        for task in self._tasks:
            task.cancel()
