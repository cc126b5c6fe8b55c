"""The user agent: many accounts and hundreds of calls on one socket. The asyncio shell of this package."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from sipmessage import URI

from ..rtp.engine import RtpEngine
from ..rtp.session import RtpSession
from .account import SipAccount
from .call import CallListener, CallState, OutboundCall
from .ended_call import EndedCall
from .invite import CallerIdentity, CallSetup, target_uri
from .message import ALLOW, Envelope
from .offer_answer import CallMedia
from .peer_requests import KNOWN_METHODS, not_understood
from .registrar_watch import RegistrarWatch, RegistrarWatches
from .registration import Registration, RegistrationFailed, RegistrationState
from .resolver import Resolver
from .stream_transport import StreamTransport
from .transaction_layer import ServerTransaction, TransactionLayer
from .transport import Destination, UdpTransport
from .upkeep import Upkeep, keep_open

logger = logging.getLogger(__name__)

REGISTERING_AT_ONCE = 20  # 300 ports at once would overrun a peer's socket buffer
FAREWELL_S = 5.0  # an ended call stays whole for what is still on its way (T4): the end of a transfer, say
LINGER_S = 32.0  # and answers late requests for 64*T1
STOP_S = 2.0  # for the answers to our last BYE and un-REGISTER


class UserAgent:
    """Registers accounts and makes calls.

        agent = UserAgent()
        await agent.start()
        await agent.register(account)
        call = await agent.invite(account, "0600000000", listener)
        ...
        await agent.stop()

    `tls` is the context for TLS (with a client certificate, say); without it the system's certificates are
    trusted, or those of SSL_CERT_FILE. Belongs to the loop that started it.
    """

    def __init__(
        self, *, name: str = "dialer", tls: ssl.SSLContext | None = None, upkeep: Upkeep | None = None
    ) -> None:
        self.name = name
        self._upkeep = upkeep or Upkeep()
        self.registrations: dict[SipAccount, Registration] = {}
        self.registration_listeners: dict[SipAccount, Callable[[Registration], None]] = {}
        self.watches = RegistrarWatches(self._upkeep)
        self.media = RtpEngine()
        self._tls = tls
        self._calls: dict[tuple[str, str], OutboundCall] = {}
        self._ended_calls: dict[tuple[str, str], EndedCall] = {}
        self._linger: set[asyncio.TimerHandle] = set()
        self._resolver = Resolver()
        self._layer: TransactionLayer | None = None
        self._bind_host = ""
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._gate = asyncio.Semaphore(REGISTERING_AT_ONCE)

    async def start(self, local_host: str = "auto", local_port: int = 0) -> None:
        """Open the UDP socket. `auto`: all IPv4 addresses, and each peer sees the one that faces it."""
        if self._layer is not None:
            raise RuntimeError("the user agent is already started")
        layer = TransactionLayer(asyncio.get_running_loop(), self._on_request)
        layer.on_ack = self._on_ack
        layer.on_way_broken = self._way_broken
        self._bind_host = "0.0.0.0" if local_host == "auto" else local_host  # noqa: S104
        layer.transports["udp"] = UdpTransport(layer, self._bind_host, local_port)
        self._layer = layer
        if self._upkeep.keep_alive_s > 0:
            self.spawn(keep_open(layer, self.registrations, self._upkeep.keep_alive_s))

    async def stop(self) -> None:
        """Hang up, un-register, close; takes STOP_S at most."""
        layer = self._layer
        if layer is None:
            return
        for call in list(self._calls.values()):
            call.hang_up()
        waiting = [
            self._settled(r) for r in self.registrations.values() if r.state is RegistrationState.REGISTERED
        ]
        for registration in self.registrations.values():
            if registration.state is RegistrationState.REGISTERED:
                registration.remove()
            else:
                registration.stop()
        await self._until_quiet(waiting)
        for call in list(self._calls.values()):
            call.abandon()
        for handle in self._linger:
            handle.cancel()
        self._linger.clear()
        self._calls.clear()
        self._ended_calls.clear()
        self.registrations.clear()
        for task in self._tasks:
            task.cancel()
        self.watches.stop()
        self._resolver.close()
        self.media.close()
        layer.close()
        self._layer = None

    @property
    def active_calls(self) -> int:
        """Calls that are not over; 0 at rest."""
        return sum(call.state is not CallState.ENDED for call in self._calls.values())

    @property
    def calls(self) -> tuple[OutboundCall, ...]:
        """Calls that are not over."""
        return tuple(call for call in self._calls.values() if call.state is not CallState.ENDED)

    @property
    def known_calls(self) -> int:
        """Calls that still answer requests: the active ones, and those that ended in the last LINGER_S."""
        return len(self._calls) + len(self._ended_calls)

    @property
    def open_transactions(self) -> int:
        return self._running.open_transactions

    # --- registrations ------------------------------------------------------------------------------

    async def register(
        self, account: SipAccount, *, expires: int = 300, patience: float | None = None
    ) -> Registration:
        """Register and keep registered. Raises RegistrationFailed with what the registrar said, at once when it is
        known to be down, and after `patience` seconds (None: 64*T1) without an answer."""
        layer = self._running
        destination = await self._registrar_of(account)
        previous = self.registrations.pop(account, None)
        if previous is not None:
            previous.stop()
        registration = Registration(
            layer,
            account,
            destination,
            self._contact(account, destination),
            expires=expires,
            on_change=self._registration_changed,
        )
        self.registrations[account] = registration
        async with self._gate:
            if (error := self.watches.why_down(destination)) is not None:
                raise RegistrationFailed(None, error)
            settled = self._settled(registration)
            registration.start()
            if patience is not None:
                await asyncio.wait([settled], timeout=patience)
                if not settled.done():
                    registration.give_up(patience)
            failure = await settled
        if failure is not None:
            raise failure
        return registration

    async def watch(self, account: SipAccount, listener: Callable[[], None]) -> RegistrarWatch:
        """Watch the account's registrar; RegistrationFailed when its name has no address."""
        return self.watches.begin(self._running, account, await self._registrar_of(account), listener)

    async def _registrar_of(self, account: SipAccount) -> Destination:
        try:
            return await self.destination_of(account)
        except OSError as error:
            reason = f"cannot find {account.registrar_host}: {error.strerror}"
            raise RegistrationFailed(None, reason) from None

    async def unregister(self, account: SipAccount) -> None:
        """Remove the binding; waits STOP_S at most for the answer."""
        registration = self.registrations.pop(account, None)
        if registration is None:
            return
        if registration.state is not RegistrationState.REGISTERED:
            registration.stop()
            return
        settled = self._settled(registration)
        registration.remove()
        await asyncio.wait([settled], timeout=STOP_S)

    def _settled(self, registration: Registration) -> "asyncio.Future[RegistrationFailed | None]":
        future: asyncio.Future[RegistrationFailed | None] = asyncio.get_running_loop().create_future()

        def settle(failure: RegistrationFailed | None) -> None:
            if not future.done():
                future.set_result(failure)

        registration.on_settled = settle
        return future

    def _registration_changed(self, registration: Registration) -> None:
        self.watches.learn(registration)
        listener = self.registration_listeners.get(registration.account)
        if listener is not None:
            listener(registration)

    # --- calls --------------------------------------------------------------------------------------

    async def invite(
        self,
        account: SipAccount,
        number: str,
        listener: CallListener,
        *,
        caller: CallerIdentity | None = None,
        media: CallMedia | None = None,
    ) -> OutboundCall:
        """Start a call. ValueError: no number; OSError: the registrar's name or a socket can't be had."""
        layer = self._running
        target_uri(account, number)
        destination = await self.destination_of(account)
        setup = CallSetup(
            account=account,
            number=number,
            destination=destination,
            contact=self._contact(account, destination),
            caller=caller or CallerIdentity(),
            user_agent=self.name,
        )
        call = OutboundCall(
            layer,
            setup,
            media or self.open_media(destination),
            listener,
            resolve=self._next_hop,
            on_ended=self._call_ended,
        )
        self._calls[call.call_id, call.local_tag] = call
        call.start()
        return call

    def open_media(self, destination: Destination) -> RtpSession:
        """An RTP socket on the address that faces this destination."""
        return self.media.open(self._running.transport_of(destination).local_address(destination)[0])

    def _call_ended(self, call: OutboundCall) -> None:
        self._ended.set()
        key = (call.call_id, call.local_tag)

        def forget() -> None:
            gone = self._ended_calls.pop(key, None)
            if gone is not None:
                gone.close()

        def slim() -> None:
            whole = self._calls.pop(key, None)
            if whole is not None:
                self._ended_calls[key] = whole.leave_behind()
                self._later(LINGER_S - FAREWELL_S, forget)

        self._later(FAREWELL_S, slim)

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        """A timer that ends with the user agent."""

        def due() -> None:
            self._linger.discard(handle)
            what()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._linger.add(handle)

    # --- requests of peers ----------------------------------------------------------------------------

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            # We answer every INVITE at once, so there is never anything left to cancel (section 9.2).
            known = self._running.invite_server_of(request)
            transaction.reply(200 if known is not None else 481)
            return
        if request.to_tag is not None:
            key = (request.call_id, request.to_tag)
            call = self._calls.get(key) or self._ended_calls.get(key)
            if call is not None and call.matches(request):
                call.on_request(transaction)
            else:
                transaction.reply(481)
            return
        foreign = not_understood(request)
        if request.method not in KNOWN_METHODS:
            transaction.reply(501)
        elif foreign:
            transaction.reply(420, headers={"Unsupported": foreign})
        elif request.method == "OPTIONS":
            transaction.reply(200, headers={"Allow": ALLOW, "Accept": "application/sdp"})
        elif request.method == "INVITE":
            transaction.reply(480, "We only make calls")
        elif request.method in ("BYE", "UPDATE", "INFO", "NOTIFY", "PRACK"):
            transaction.reply(481)
        else:
            transaction.reply(405)

    def _on_ack(self, ack: Envelope) -> None:
        call = self._calls.get((ack.call_id, ack.to_tag or ""))
        if call is not None and call.matches(ack):
            call.on_ack(ack)

    # --- the pieces -------------------------------------------------------------------------------------

    @property
    def _running(self) -> TransactionLayer:
        if self._layer is None:
            raise RuntimeError("the user agent is not started")
        return self._layer

    async def destination_of(self, account: SipAccount) -> Destination:
        """Where the account's requests go; OSError when the name or the transport can't be had."""
        destination = await self._resolver.destination(
            account.registrar_host, account.registrar_port, account.transport
        )
        await self._open_transport(destination.transport)
        return destination

    def _next_hop(self, uri: URI, otherwise: Destination, then: Callable[[Destination], None]) -> None:
        """Where a dialog's requests go; opens the transport that the peer's Contact names, if need be."""
        layer = self._running

        async def open_first(hop: Destination) -> None:
            try:
                await self._open_transport(hop.transport)
            except OSError:
                hop = otherwise
            layer.guarded(then, hop)

        def found(hop: Destination) -> None:
            if hop.transport in layer.transports:
                layer.guarded(then, hop)
            else:
                self.spawn(open_first(hop))

        self._resolver.resolve(uri, otherwise, found)

    async def _open_transport(self, name: str) -> None:
        """UDP is there from the start; TCP and TLS are opened for the first account that wants them."""
        layer = self._running
        async with self._opening:
            if name in layer.transports:
                return
            if name not in ("tcp", "tls"):
                raise OSError(f"transport {name} is not available")
            tls = None
            if name == "tls":
                tls = self._tls or ssl.create_default_context()
            transport = StreamTransport(
                layer, self._bind_host, tls=tls, keep_alive_s=self._upkeep.keep_alive_s
            )
            await transport.open()
            layer.transports[name] = transport

    def _way_broken(self, destination: Destination) -> None:
        for registration in self.registrations.values():
            if registration.destination.address == destination.address:
                registration.refresh_soon()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background, until the user agent stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _contact(self, account: SipAccount, destination: Destination) -> str:
        registration = self.registrations.get(account)
        if registration is not None:  # it knows better behind a NAT
            return registration.contact
        host, port = self._running.transport_of(destination).local_address(destination)
        host = f"[{host}]" if ":" in host else host
        suffix = "" if destination.transport == "udp" else f";transport={destination.transport}"
        return f"sip:{account.username}@{host}:{port}{suffix}"

    async def _until_quiet(self, waiting: "list[asyncio.Future[RegistrationFailed | None]]") -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                if waiting:
                    await asyncio.wait(waiting)
                while self.active_calls:
                    self._ended.clear()
                    await self._ended.wait()


__all__ = ["CallerIdentity", "RegistrationFailed", "RegistrationState", "SipAccount", "UserAgent"]
