"""Host names to addresses (RFC 3263, without NAPTR and SRV, for which Python has no resolver of its own)."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from sipmessage import URI

from .account import default_port
from .transport import Destination

CACHE_S = 60.0


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


class Resolver:
    """Looks names up in the background and keeps the answers for a minute."""

    def __init__(self) -> None:
        self._cache: dict[tuple[str, int], tuple[float, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def destination(self, host: str, port: int, transport: str) -> Destination:
        """OSError (socket.gaierror) when the name has no address."""
        transport = transport.lower()
        literal = literal_address(host)
        if literal is not None:
            return Destination(transport, literal, port, host.strip("[]"))
        loop = asyncio.get_running_loop()
        cached = self._cache.get((host, port))
        if cached is None or cached[0] < loop.time():
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
            cached = (loop.time() + CACHE_S, str(found[0][4][0]))
            if len(self._cache) > 1000:
                self._cache.clear()
            self._cache[host, port] = cached
        return Destination(transport, cached[1], port, host)

    def resolve(self, uri: URI, otherwise: Destination, then: Callable[[Destination], None]) -> None:
        """Call `then` with the next hop of a dialog: at once for an address, later for a name.

        A name that can't be found goes to `otherwise`, where the call came through.
        """
        transport = transport_of(uri, otherwise.transport)
        port = uri.port or default_port(transport)
        literal = literal_address(uri.host)
        if literal is not None:
            same = (literal, port, transport) == (otherwise.host, otherwise.port, otherwise.transport)
            then(otherwise if same else Destination(transport, literal, port, uri.host.strip("[]")))
            return
        task = asyncio.get_running_loop().create_task(
            self._resolve(uri.host, port, transport, otherwise, then)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(
        self,
        host: str,
        port: int,
        transport: str,
        otherwise: Destination,
        then: Callable[[Destination], None],
    ) -> None:
        try:
            found = await self.destination(host, port, transport)
        except OSError:
            found = otherwise
        then(found)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
