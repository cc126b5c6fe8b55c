"""The ways out of a user agent: where an account's and a dialog's requests go, with the transport for it open."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sipmessage import URI

from .account import SipAccount
from .name_service import NameService
from .resolver import Resolver
from .stream_transport import StreamTransport
from .transaction_layer import TransactionLayer
from .transport import Destination, UdpTransport


class Ways:
    """UDP is there from the start; TCP and TLS are opened for the first account that wants them."""

    def __init__(
        self,
        layer: TransactionLayer,
        host: str,
        port: int,
        names: NameService,
        *,
        tls: ssl.SSLContext | None,
        keep_alive_s: float,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._layer = layer
        self._host = host
        self._tls = tls
        self._keep_alive_s = keep_alive_s
        self._spawn = spawn
        self._resolver = Resolver(names)
        self._opening = asyncio.Lock()
        self._streams: list[StreamTransport] = []
        layer.transports["udp"] = UdpTransport(layer, host, port)

    async def destinations_of(self, account: SipAccount) -> list[Destination]:
        """Where the account's requests go, in the order of DNS; OSError when the name or the transport can't
        be had."""
        host, port = account.registrar_host, account.registrar_port
        destinations = await self._resolver.destinations(host, port, account.transport)
        await self._open(destinations[0].transport)
        return destinations

    def failed(self, destination: Destination) -> None:
        """It did not answer a call: others go first for a while."""
        self._resolver.failed(destination)

    def has_failed(self, destination: Destination) -> bool:
        return self._resolver.has_failed(destination)

    def next_hop(
        self, uri: URI, otherwise: Destination, then: Callable[[Sequence[Destination]], None]
    ) -> None:
        """Where a dialog's requests go; opens the transport that the peer's Contact names, if need be."""

        async def open_first(places: Sequence[Destination]) -> None:
            try:
                await self._open(places[0].transport)
            except OSError:
                places = [otherwise]
            self._layer.guarded(then, places)

        def found(places: Sequence[Destination]) -> None:
            if places[0].transport in self._layer.transports:
                self._layer.guarded(then, places)
            else:
                self._spawn(open_first(places))

        self._resolver.resolve(uri, otherwise, found)

    def contact(self, account: SipAccount, destination: Destination) -> str:
        """The URI under which this destination reaches us."""
        host, port = self._layer.transport_of(destination).local_address(destination)
        host = f"[{host}]" if ":" in host else host
        suffix = "" if destination.transport == "udp" else f";transport={destination.transport}"
        return f"sip:{account.username}@{host}:{port}{suffix}"

    def close(self) -> None:
        self._resolver.close()

    async def closed(self) -> None:
        """When the layer has closed its transports: their connections are gone."""
        await asyncio.gather(*(stream.closed() for stream in self._streams))

    async def _open(self, name: str) -> None:
        async with self._opening:
            if name in self._layer.transports:
                return
            if name not in ("tcp", "tls"):
                raise OSError(f"transport {name} is not available")
            tls = None
            if name == "tls":
                tls = self._tls or ssl.create_default_context()
            transport = StreamTransport(self._layer, self._host, tls=tls, keep_alive_s=self._keep_alive_s)
            await transport.open()
            self._streams.append(transport)
            self._layer.transports[name] = transport
