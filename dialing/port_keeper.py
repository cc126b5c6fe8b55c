"""Keeps a worker's ports leased and registered, in the worker's event loop."""

import asyncio
import logging
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError

from dialing import ports
from dialing.free_ports import FreePorts
from dialing.leases import RENEW_PORTS_EVERY, database_time
from dialing.ports import LeasedPort
from dialing.records import Records, one_line
from telephony.sip.account import SipAccount
from telephony.sip.registration import Registration, RegistrationFailed, RegistrationState
from telephony.sip.sdes import MediaEncryption
from telephony.sip.user_agent import UserAgent

logger = logging.getLogger(__name__)

TRY_AGAIN = 10.0
"""Seconds before the next try when a registrar did not answer."""
REFUSED_AGAIN = 60.0
"""The same when it refused us: asking with the same password often can lock the account."""
REFUSALS = frozenset({401, 403, 404, 407})


@dataclass(slots=True, eq=False)
class HeldPort:
    """A port that this worker holds, and the task that gets it registered."""

    port: LeasedPort
    account: SipAccount
    joining: "asyncio.Task[None] | None" = None
    writes: set["asyncio.Task[None]"] = field(default_factory=set)


class PortKeeper:
    """Leases up to `capacity` ports for `worker`, and keeps each registered as long as it is held."""

    def __init__(
        self, worker: str, capacity: int, agent: UserAgent, records: Records, free: FreePorts
    ) -> None:
        self._worker = worker
        self._capacity = capacity
        self._agent = agent
        self._records = records
        self._free = free
        self._held: dict[int, HeldPort] = {}
        self._accounts: dict[int, SipAccount] = {}  # also of ports given up during a call
        self._look = asyncio.Event()
        agent.on_registration_change = self._on_change

    def account(self, port_id: int) -> SipAccount:
        """The SIP account of a port that was free a moment ago. Any thread may ask."""
        return self._accounts[port_id]

    def look_again(self) -> None:
        """Ports were changed: don't wait for the next turn."""
        self._look.set()

    async def run(self) -> None:
        """Until cancelled. Says one line when the database goes away, and keeps what it has meanwhile."""
        try:
            await self._keep()
        finally:
            for held in self._held.values():
                if held.joining is not None:
                    held.joining.cancel()

    async def _keep(self) -> None:
        away = False
        while True:
            self._look.clear()
            try:
                leased = await asyncio.wrap_future(self._records.submit(self._keep_ports))
                away = False
                await self._hold({port.id: port for port in leased})
            except (OperationalError, InterfaceError) as error:
                if not away:
                    logger.warning("Dialer ports can't be renewed, trying on: %s", one_line(error))
                away = True
            try:
                async with asyncio.timeout(RENEW_PORTS_EVERY):
                    await self._look.wait()
            except TimeoutError:
                pass

    def _keep_ports(self) -> list[LeasedPort]:
        return ports.keep_ports(self._worker, self._capacity, database_time())

    async def _hold(self, leased: dict[int, LeasedPort]) -> None:
        for port_id, held in list(self._held.items()):
            if leased.get(port_id) != held.port:
                await self._give_up(port_id, held)
        for port_id, port in leased.items():
            self._free.is_behind(port_id, port.carrier)
            self._free.rest(port.carrier, port.rests_for)
            if port_id in self._held:
                self._confirm(port)
            elif not self._free.is_taken(port_id):
                self._take(port)

    def _confirm(self, port: LeasedPort) -> None:
        """The record forgets a registration when a lease runs out before we take it again: say it once more."""
        held = self._held[port.id]
        registration = self._agent.registrations.get(held.account)
        if registration is None or port.is_registered or held.writes:
            return
        if registration.state is RegistrationState.REGISTERED:
            self._record(held, None)

    def _take(self, port: LeasedPort) -> None:
        account = SipAccount(
            username=port.extension,
            password=port.password,
            registrar_host=port.registrar_host,
            registrar_port=port.registrar_port,
            transport=port.transport,
            encryption=MediaEncryption(port.media_encryption),
        )
        held = HeldPort(port, account)
        self._held[port.id] = held
        self._accounts[port.id] = account
        held.joining = asyncio.create_task(self._join(held))

    async def _give_up(self, port_id: int, held: HeldPort) -> None:
        """No call begins on the port any more; a call on it goes on, the binding goes."""
        del self._held[port_id]
        self._free.forbid(port_id)
        if held.joining is not None:
            held.joining.cancel()
        await self._agent.unregister(held.account)

    async def _join(self, held: HeldPort) -> None:
        """Registers the port, and tries again while the registrar is away; refreshes are the user agent's."""
        while True:
            try:
                await self._agent.register(held.account)
            except RegistrationFailed as failure:
                await asyncio.sleep(REFUSED_AGAIN if failure.code in REFUSALS else TRY_AGAIN)
            else:
                return

    def _on_change(self, registration: Registration) -> None:
        held = next((h for h in self._held.values() if h.account == registration.account), None)
        if held is None:
            return
        if registration.state is RegistrationState.REGISTERED:
            self._free.allow(held.port.id)
            self._record(held, None)
        elif registration.state is RegistrationState.FAILED:
            self._free.forbid(held.port.id)
            self._record(held, registration.last_error or "registration failed")

    def _record(self, held: HeldPort, error: str | None) -> None:
        async def write() -> None:
            try:
                await asyncio.wrap_future(
                    self._records.submit(ports.record_registration, self._worker, held.port.id, error)
                )
            except (OperationalError, InterfaceError):
                self._look.set()

        task = asyncio.create_task(write())
        held.writes.add(task)
        task.add_done_callback(held.writes.discard)
