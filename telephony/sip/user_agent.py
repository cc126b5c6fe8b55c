"""The user agent: many accounts and hundreds of calls on one socket. The asyncio shell of this package."""

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from ..rtp.engine import RtpEngine
from ..rtp.session import RtpSession
from .account import SipAccount
from .call import CallListener, CallState, OutboundCall
from .ended_call import EndedCall
from .invite import CallerIdentity, CallSetup, target_uri
from .message import ALLOW, Envelope
from .name_service import NameService
from .offer_answer import CallMedia
from .peer_requests import KNOWN_METHODS, not_understood
from .registrar_watch import RegistrarWatch, RegistrarWatches
from .registration import Registration, RegistrationFailed, RegistrationState
from .registrations import STOP_S, Registrations
from .running_transaction import ServerTransaction
from .transaction_layer import TransactionLayer
from .transport import Destination
from .upkeep import Upkeep, keep_open
from .ways import Ways

logger = logging.getLogger(__name__)

FAREWELL_S = 5.0  # an ended call stays whole for what is still on its way (T4): the end of a transfer, say
LINGER_S = 32.0  # and answers late requests for 64*T1


class UserAgent:
    """Registers accounts and makes calls.

        agent = UserAgent()
        await agent.start()
        await agent.register(account)
        call = await agent.invite(account, "0600000000", listener)
        ...
        await agent.stop()

    `tls` is the context for TLS (with a client certificate, say); without it the system's certificates are
    trusted, or those of SSL_CERT_FILE. `names` asks other name servers than the system's. Belongs to the loop that started it.
    """

    def __init__(
        self,
        *,
        name: str = "dialer",
        tls: ssl.SSLContext | None = None,
        upkeep: Upkeep | None = None,
        names: NameService | None = None,
    ) -> None:
        self.name = name
        self._upkeep = upkeep or Upkeep()
        self.registrations: dict[SipAccount, Registration] = {}
        self.watches = RegistrarWatches(self._upkeep)
        self._registrar = Registrations(self.registrations, self.watches)
        self.registration_listeners = self._registrar.listeners
        self.media = RtpEngine()
        self._tls = tls
        self._calls: dict[tuple[str, str], OutboundCall] = {}
        self._ended_calls: dict[tuple[str, str], EndedCall] = {}
        self._linger: dict[int, asyncio.TimerHandle] = {}
        self._timers = itertools.count()
        self._names = names or NameService()
        self._layer: TransactionLayer | None = None
        self._ways: Ways | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    async def start(self, local_host: str = "auto", local_port: int = 0) -> None:
        """Open the UDP socket. `auto`: all IPv4 addresses, and each peer sees the one that faces it."""
        if self._layer is not None:
            raise RuntimeError("the user agent is already started")
        layer = TransactionLayer(asyncio.get_running_loop(), self._on_request)
        layer.on_ack = self._on_ack
        layer.is_of_a_call = lambda request: self._call_of(request) is not None
        layer.on_way_broken = self._registrar.way_broken
        self._ways = Ways(
            layer,
            "0.0.0.0" if local_host == "auto" else local_host,  # noqa: S104
            local_port,
            self._names,
            tls=self._tls,
            keep_alive_s=self._upkeep.keep_alive_s,
            spawn=self.spawn,
        )
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
        waiting = self._registrar.end_all()
        await self._until_quiet(waiting)
        for call in list(self._calls.values()):
            call.abandon()
        for handle in self._linger.values():
            handle.cancel()
        self._linger.clear()
        self._calls.clear()
        self._ended_calls.clear()
        self.registrations.clear()
        for task in self._tasks:
            task.cancel()
        self.watches.stop()
        ways = self._open_ways
        ways.close()
        self.media.close()
        layer.close()
        self._layer = self._ways = None
        await ways.closed()

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
        self,
        account: SipAccount,
        *,
        destination: Destination | None = None,
        expires: int = 300,
        patience: float | None = None,
    ) -> Registration:
        """Register and keep registered, at `destination` or where DNS says. Raises RegistrationFailed with what the
        registrar said, at once when it is known to be down, and after `patience` seconds (None: 64*T1) without an
        answer."""
        places = [destination] if destination is not None else await self.registrars_of(account)
        return await self._registrar.begin(
            self._running, self._open_ways, account, places, expires=expires, patience=patience
        )

    def watch(
        self, account: SipAccount, destination: Destination, listener: Callable[[], None]
    ) -> RegistrarWatch:
        """Watch one place of the account's registrar."""
        return self.watches.begin(self._running, account, destination, listener)

    async def registrars_of(self, account: SipAccount) -> list[Destination]:
        """Where the account may register, in the order of DNS; RegistrationFailed when there is no place."""
        try:
            return await self._open_ways.destinations_of(account)
        except OSError as error:
            reason = f"cannot find {account.registrar_host}: {error.strerror}"
            raise RegistrationFailed(None, reason) from None

    async def unregister(self, account: SipAccount) -> None:
        """Remove the binding; waits STOP_S at most for the answer."""
        await self._registrar.end(account)

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
        destination, *others = await self.destinations_of(account)
        setup = CallSetup(
            account=account,
            number=number,
            destination=destination,
            contact=self._contact(account, destination),
            caller=caller or CallerIdentity(),
            user_agent=self.name,
            # Via, Contact and SDP name our address towards the first: of the same family it serves for all.
            other_destinations=tuple(d for d in others if (":" in d.host) == (":" in destination.host)),
        )
        call = OutboundCall(
            layer,
            setup,
            media or self.open_media(destination),
            listener,
            resolve=self._open_ways.next_hop,
            on_ended=self._call_ended,
            on_place_failed=self._open_ways.failed,
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

        number = next(self._timers)

        def due() -> None:
            del self._linger[number]
            what()

        self._linger[number] = asyncio.get_running_loop().call_later(seconds, due)

    # --- requests of peers ----------------------------------------------------------------------------

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            # We answer every INVITE at once, so there is never anything left to cancel (section 9.2).
            known = self._running.invite_server_of(request)
            transaction.reply(200 if known is not None else 481)
            return
        if request.to_tag is not None:
            call = self._call_of(request)
            if call is not None:
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

    def _call_of(self, request: Envelope) -> OutboundCall | EndedCall | None:
        key = (request.call_id, request.to_tag or "")
        call = self._calls.get(key) or self._ended_calls.get(key)
        return call if call is not None and call.matches(request) else None

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

    @property
    def _open_ways(self) -> Ways:
        if self._ways is None:
            raise RuntimeError("the user agent is not started")
        return self._ways

    async def destinations_of(self, account: SipAccount) -> list[Destination]:
        """Where the account's calls go: first the place that holds its registration, last those that are known to
        be down or failed lately. OSError when the name or the transport can't be had."""
        ways = self._open_ways
        found = await ways.destinations_of(account)
        registration = self.registrations.get(account)
        if registration is not None and registration.state is RegistrationState.REGISTERED:
            home = registration.destination
            found = [home, *(place for place in found if place.address != home.address)]
        return sorted(
            found, key=lambda place: self.watches.why_down(place) is not None or ways.has_failed(place)
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background, until the user agent stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _contact(self, account: SipAccount, destination: Destination) -> str:
        registration = self.registrations.get(account)
        if registration is not None:  # it knows better behind a NAT
            return registration.contact
        return self._open_ways.contact(account, destination)

    async def _until_quiet(self, waiting: "list[asyncio.Future[RegistrationFailed | None]]") -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                if waiting:
                    await asyncio.wait(waiting)
                while self.active_calls:
                    self._ended.clear()
                    await self._ended.wait()


__all__ = ["CallerIdentity", "RegistrationFailed", "RegistrationState", "SipAccount", "UserAgent"]
