"""A subscriber with more than one registrar: registered with the first that takes it, and back with the first of all
when that is in service again."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum

from .account import SipAccount
from .registrar_watch import RegistrarWatch
from .registration import REFUSALS, Registration, RegistrationFailed, RegistrationState
from .user_agent import UserAgent

PATIENCE_S = 8.0  # for the first answer of a registrar when there is another one to ask
TRY_AGAIN_S = 10.0  # after no registrar took us
REFUSED_AGAIN_S = 60.0  # asking with the same password often can lock the account
HOLD_DOWN_S = 60.0  # the first registrar answers for so long before we go back to it


class LineState(StrEnum):
    OFF = "off"
    REGISTERED = "registered"
    FAILED = "failed"  # refused, or no answer
    UNREACHABLE = "unreachable"  # registered, but the registrar does not answer pings any more


class RegistrarFailover:
    """One subscriber. `state`, `active` (the account that holds the registration) and `error` can be read at any
    time; `on_change` is called after each change. `error` tells of the first registrar while another one is used.

    Each registrar has an account of its own: its host may be the domain of the address of record.
    """

    def __init__(
        self, agent: UserAgent, accounts: tuple[SipAccount, ...], on_change: Callable[[], None]
    ) -> None:
        self.accounts = accounts
        self.state = LineState.OFF
        self.active: SipAccount | None = None
        self.error = ""
        self._agent = agent
        self._on_change = on_change
        self._news = asyncio.Event()
        self._watches: dict[SipAccount, RegistrarWatch] = {}
        self._asked_first_at = 0.0

    async def keep(self) -> None:
        """Registered as well as can be, until cancelled; then `leave` removes the binding."""
        for account in self.accounts:
            self._agent.registration_listeners[account] = self._heard_of
        try:
            while True:
                account = await self._register()
                await self._stay(account)
        finally:
            for watch in self._watches.values():
                self._agent.watches.end(watch, self._news.set)

    async def leave(self) -> None:
        """Un-registers."""
        for account in self.accounts:
            self._agent.registration_listeners.pop(account, None)
        await asyncio.gather(*(self._agent.unregister(account) for account in self.accounts))

    async def _register(self) -> SipAccount:
        """Asks the registrars in their order until one takes us."""
        while True:
            first_failure: RegistrationFailed | None = None
            self._asked_first_at = self._now
            for account in self.accounts:
                try:
                    await self._ask(account)
                except RegistrationFailed as failure:
                    first_failure = first_failure or failure
                    if failure.code in REFUSALS and self.state is not LineState.REGISTERED:
                        break  # the other one would refuse the password as well
                else:
                    self._leave_others(account)
                    self._set(LineState.REGISTERED, account, _words(first_failure))
                    return account
            assert first_failure is not None
            self._not_registered(first_failure)
            refused = first_failure.code in REFUSALS
            wait = REFUSED_AGAIN_S if refused else max(TRY_AGAIN_S, first_failure.retry_after_s or 0)
            await self._pause(wait)

    async def _ask(self, account: SipAccount) -> None:
        watch = await self._agent.watch(account, self._news.set)
        known = self._watches.get(account)
        if known is not None and known is not watch:  # its name has another address now
            self._agent.watches.end(known, self._news.set)
        self._watches[account] = watch
        patience = PATIENCE_S if len(self.accounts) > 1 else None
        await self._agent.register(account, patience=patience)

    def _not_registered(self, failure: RegistrationFailed) -> None:
        watches = self._watches.values()
        silent = len(self._watches) == len(self.accounts) and not any(watch.is_up for watch in watches)
        pinged = self.state in (LineState.REGISTERED, LineState.UNREACHABLE)
        state = LineState.UNREACHABLE if silent and pinged else LineState.FAILED
        self._set(state, None, _words(failure))

    async def _stay(self, account: SipAccount) -> None:
        """Until it is time to ask the registrars again."""
        watch, first = self._watches[account], self._watches.get(self.accounts[0])
        alone, was_down = len(self.accounts) == 1, False
        while True:
            registration = self._agent.registrations.get(account)
            if registration is None or (was_down and watch.is_up):
                return  # it is back, and may have forgotten us
            was_down = not watch.is_up
            if registration.state is RegistrationState.FAILED:
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
            elif registration.state is RegistrationState.REGISTERED:
                self._set(LineState.REGISTERED, account, self.error if watch is not first else "")
            back_in = None
            if first is not None and first is not watch and first.is_up:
                back_in = max(first.since, self._asked_first_at) + HOLD_DOWN_S - self._now
                if back_in <= 0:
                    return
            await self._wait(back_in)

    def _leave_others(self, account: SipAccount) -> None:
        for other in self.accounts:
            if other != account and other in self._agent.registrations:
                self._agent.spawn(self._agent.unregister(other))

    def _heard_of(self, registration: Registration) -> None:
        self._news.set()

    async def _pause(self, seconds: float) -> None:
        """So long, or until a registrar is back."""
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

    def _set(self, state: LineState, active: SipAccount | None, error: str) -> None:
        if (state, active, error) != (self.state, self.active, self.error):
            self.state, self.active, self.error = state, active, error
            self._on_change()


def _words(failure: RegistrationFailed | None) -> str:
    if failure is None:
        return ""
    return failure.reason if failure.code is None else f"{failure.code} {failure.reason}"
