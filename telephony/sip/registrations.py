"""All registrations of a user agent: paced, each with the first of its registrar's places that takes it."""

import asyncio
from collections.abc import Callable

from .account import SipAccount
from .registrar_watch import RegistrarWatches
from .registration import Registration, RegistrationFailed, RegistrationState
from .transaction_layer import TransactionLayer
from .transport import Destination
from .ways import Ways

REGISTERING_AT_ONCE = 20  # 300 ports at once would overrun a peer's socket buffer
PATIENCE_S = 8.0  # for the first answer of a place when there is another one to ask
STOP_S = 2.0  # for the answers to our last BYE and un-REGISTER
ELSEWHERE = (
    None,
    408,
    500,
    502,
    503,
    504,
)  # RFC 3263 section 4.3, and what else a server says of itself alone


class Registrations:
    """`known` holds each account's registration, `listeners` who wants to hear of its changes."""

    def __init__(self, known: dict[SipAccount, Registration], watches: RegistrarWatches) -> None:
        self.known = known
        self.listeners: dict[SipAccount, Callable[[Registration], None]] = {}
        self._watches = watches
        self._gate = asyncio.Semaphore(REGISTERING_AT_ONCE)

    async def begin(
        self,
        layer: TransactionLayer,
        ways: Ways,
        account: SipAccount,
        places: list[Destination],
        *,
        expires: int,
        patience: float | None,
    ) -> Registration:
        """With the first place that takes us; RegistrationFailed says what the last one said."""
        for place in places[:-1]:
            try:
                return await self._register(layer, ways, account, place, expires, patience or PATIENCE_S)
            except RegistrationFailed as failure:
                if failure.code not in ELSEWHERE:
                    raise
                ways.failed(place)
        return await self._register(layer, ways, account, places[-1], expires, patience)

    async def _register(
        self,
        layer: TransactionLayer,
        ways: Ways,
        account: SipAccount,
        destination: Destination,
        expires: int,
        patience: float | None,
    ) -> Registration:
        previous = self.known.pop(account, None)
        if previous is not None:
            previous.stop()
        registration = self.known[account] = Registration(
            layer,
            account,
            destination,
            ways.contact(account, destination),
            expires=expires,
            on_change=self._changed,
        )
        async with self._gate:
            if (error := self._watches.why_down(destination)) is not None:
                raise RegistrationFailed(None, error)
            settled = settlement_of(registration)
            registration.start()
            if patience is not None:
                await asyncio.wait([settled], timeout=patience)
                if not settled.done():
                    registration.give_up(patience)
            failure = await settled
        if failure is not None:
            raise failure
        return registration

    async def end(self, account: SipAccount) -> None:
        """Remove the binding; waits STOP_S at most for the answer."""
        registration = self.known.pop(account, None)
        if registration is None:
            return
        if registration.state is not RegistrationState.REGISTERED:
            registration.stop()
            return
        settled = settlement_of(registration)
        registration.remove()
        await asyncio.wait([settled], timeout=STOP_S)

    def end_all(self) -> "list[asyncio.Future[RegistrationFailed | None]]":
        """Asks for the end of every binding; the answers come to the futures."""
        registered = [r for r in self.known.values() if r.state is RegistrationState.REGISTERED]
        for registration in self.known.values():
            if registration not in registered:
                registration.stop()
        settled = [settlement_of(registration) for registration in registered]
        for registration in registered:
            registration.remove()
        return settled

    def way_broken(self, destination: Destination) -> None:
        for registration in self.known.values():
            if registration.destination.address == destination.address:
                registration.refresh_soon()

    def _changed(self, registration: Registration) -> None:
        self._watches.learn(registration)
        listener = self.listeners.get(registration.account)
        if listener is not None:
            listener(registration)


def settlement_of(registration: Registration) -> "asyncio.Future[RegistrationFailed | None]":
    """None, or the failure, when the attempt under way is over."""
    future: asyncio.Future[RegistrationFailed | None] = asyncio.get_running_loop().create_future()

    def settle(failure: RegistrationFailed | None) -> None:
        if not future.done():
            future.set_result(failure)

    registration.on_settled = settle
    return future
