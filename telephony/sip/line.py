"""A dialer port's line: registered with the first place that takes it, and back with the first of all when that is in
service again; or, of a trunk that knows us by our address, usable while it answers."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .account import SipAccount
from .registrar_watch import ANSWER_S, RegistrarWatch
from .registration import REFUSALS, Registration, RegistrationFailed, RegistrationState
from .registrations import PATIENCE_S
from .transport import Destination
from .user_agent import UserAgent

TRY_AGAIN_S = 10.0  # after no registrar took us
REFUSED_AGAIN_S = 60.0  # asking with the same password often can lock the account
HOLD_DOWN_S = 60.0  # the first place answers for so long before we go back to it
FIRST_ANSWER_S = ANSWER_S + 1.0  # of a trunk


class LineState(StrEnum):
    OFF = "off"
    REGISTERED = "registered"
    READY = "ready"  # a trunk that answers
    FAILED = "failed"  # refused, or no answer
    UNREACHABLE = "unreachable"  # was registered or ready, but does not answer pings any more


IN_SERVICE = (LineState.REGISTERED, LineState.READY)


@dataclass(frozen=True, slots=True)
class Place:
    """One server of one of the line's accounts."""

    account: SipAccount
    destination: Destination

    def __str__(self) -> str:
        """As it was configured, with the address that DNS gave for it."""
        return self.account.registrar + (
            "" if self.account.registrar_port is not None else f" ({str(self.destination).partition(':')[2]})"
        )


class Line:
    """One port. `state`, `active` (where its calls go) and `error` can be read at any time; `on_change` is called
    after each change. `error` tells of the first place while another one is used.

    Each account is the same subscriber at another registrar (its host may be the domain of the address of record), and
    each registrar may be several servers (RFC 3263).
    """

    def __init__(
        self, agent: UserAgent, accounts: tuple[SipAccount, ...], on_change: Callable[[], None]
    ) -> None:
        self.accounts = accounts
        self.state = LineState.OFF
        self.active: Place | None = None
        self.error = ""
        self._agent = agent
        self._on_change = on_change
        self._news = asyncio.Event()
        self._places: list[Place] = []
        self._watches: dict[Destination, RegistrarWatch] = {}
        self._asked_first_at = 0.0

    @property
    def in_service(self) -> bool:
        """It can carry a call."""
        return self.state in IN_SERVICE

    async def keep(self) -> None:
        """In service as well as can be, until cancelled; then `leave` removes the binding."""
        for account in self.accounts:
            self._agent.registration_listeners[account] = self._heard_of
        try:
            while True:
                place = await self._find()
                await self._stay(place)
        finally:
            self._watch_only([])

    async def leave(self) -> None:
        """Un-registers."""
        for account in self.accounts:
            self._agent.registration_listeners.pop(account, None)
        await asyncio.gather(*(self._agent.unregister(account) for account in self.accounts))

    async def _find(self) -> Place:
        """Asks the places in their order until one takes us."""
        while True:
            self._asked_first_at = self._now
            first_failure = await self._look_up()
            for place in self._places:
                try:
                    await self._ask(place)
                except RegistrationFailed as failure:
                    first_failure = first_failure or failure
                    if failure.code in REFUSALS and not self.in_service:
                        break  # the others would refuse the password as well
                else:
                    self._leave_others(place.account)
                    self._in_service(place, _words(first_failure))
                    return place
            assert first_failure is not None
            self._out_of_service(first_failure)
            refused = first_failure.code in REFUSALS
            wait = REFUSED_AGAIN_S if refused else max(TRY_AGAIN_S, first_failure.retry_after_s or 0)
            await self._pause(wait)

    async def _look_up(self) -> RegistrationFailed | None:
        """What the names stand for now; the failure of the first that stands for nothing."""
        failed: RegistrationFailed | None = None
        places: list[Place] = []
        for account in self.accounts:
            try:
                found = await self._agent.registrars_of(account)
            except RegistrationFailed as failure:
                failed = failed or failure
            else:
                places += [Place(account, destination) for destination in found]
        self._places = places
        self._watch_only([place.destination for place in places])
        return failed

    def _watch_only(self, wanted: list[Destination]) -> None:
        for destination in [d for d in self._watches if d not in wanted]:
            self._agent.watches.end(self._watches.pop(destination), self._news.set)

    async def _ask(self, place: Place) -> None:
        watch = self._agent.watch(place.account, place.destination, self._news.set)
        self._watches[place.destination] = watch
        if place.account.registers:
            patience = PATIENCE_S if len(self._places) > 1 else None
            await self._agent.register(place.account, destination=place.destination, patience=patience)
        elif why := await self._why_silent(watch):
            raise RegistrationFailed(None, why)

    async def _why_silent(self, watch: RegistrarWatch) -> str:
        """Why a trunk can't be used, or nothing."""
        if watch.pings and not watch.answers:
            watch.last_miss = ""
            watch.ask()
            until = self._now + FIRST_ANSWER_S
            while not watch.answers and not watch.last_miss and self._now < until:
                await self._wait(until - self._now)
            if not watch.answers:
                return watch.last_miss or "does not answer OPTIONS"
        return watch.error if not watch.is_up else ""

    def _in_service(self, place: Place, error: str) -> None:
        self._set(LineState.REGISTERED if place.account.registers else LineState.READY, place, error)

    def _out_of_service(self, failure: RegistrationFailed) -> None:
        watches = self._watches.values()
        silent = len(self._watches) == len(self._places) > 0 and not any(watch.is_up for watch in watches)
        pinged = self.in_service or self.state is LineState.UNREACHABLE
        state = LineState.UNREACHABLE if silent and pinged else LineState.FAILED
        self._set(state, None, _words(failure))

    async def _stay(self, place: Place) -> None:
        """Until it is time to ask the places again."""
        watch, first = self._watches[place.destination], self._watches.get(self._places[0].destination)
        alone, was_down = len(self._places) == 1, False
        while True:
            if was_down and watch.is_up:
                return  # it is back, and may have forgotten us
            was_down = not watch.is_up
            registration = self._agent.registrations.get(place.account)
            if place.account.registers and (
                registration is None or registration.state is RegistrationState.FAILED
            ):
                if registration is None:
                    return
                self._set(LineState.FAILED, None, registration.last_error or "registration failed")
                if registration.last_code in REFUSALS:
                    await asyncio.sleep(REFUSED_AGAIN_S)
                    return
                if not alone:
                    return
            elif was_down:
                self._set(LineState.UNREACHABLE, None, watch.error)
                if not alone:
                    return
            elif registration is None or registration.state is RegistrationState.REGISTERED:
                self._in_service(place, self.error if watch is not first else "")
            back_in = None
            if first is not None and first is not watch and first.is_up:
                back_in = max(first.since, self._asked_first_at) + HOLD_DOWN_S - self._now
                if back_in <= 0:
                    return
            await self._wait(back_in)

    def _leave_others(self, account: SipAccount) -> None:
        """The other servers of one registrar share its bindings: only another registrar's is removed."""
        for other in self.accounts:
            if other != account and other in self._agent.registrations:
                self._agent.spawn(self._agent.unregister(other))

    def _heard_of(self, registration: Registration) -> None:
        self._news.set()

    async def _pause(self, seconds: float) -> None:
        """So long, or until a place is back."""
        away = [watch for watch in self._watches.values() if not watch.is_up]
        until = self._now + seconds
        while self._now < until and not any(watch.is_up for watch in away):
            await self._wait(until - self._now)

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _set(self, state: LineState, active: Place | None, error: str) -> None:
        if (state, active, error) != (self.state, self.active, self.error):
            self.state, self.active, self.error = state, active, error
            self._on_change()


def _words(failure: RegistrationFailed | None) -> str:
    if failure is None:
        return ""
    return failure.reason if failure.code is None else f"{failure.code} {failure.reason}"
