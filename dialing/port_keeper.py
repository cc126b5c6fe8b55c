"""Keeps a worker's ports leased and registered, in the worker's event loop."""

import asyncio
import logging
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from dialing import ports, worker_records
from dialing.free_ports import FreePorts
from dialing.kept_up import kept_up
from dialing.leases import RENEW_PORTS_EVERY
from dialing.ports import LeasedPort
from dialing.records import Recorder, one_line
from telephony.models import DialerPort
from telephony.sip.account import SipAccount
from telephony.sip.line import Line
from telephony.sip.sdes import MediaEncryption
from telephony.sip.user_agent import UserAgent

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class HeldPort:
    """A port that this worker holds, and the tasks that keep it registered and write down how it stands."""

    port: LeasedPort
    line: Line
    keeping: "asyncio.Task[None] | None" = None
    is_unwritten: bool = False
    writing: "asyncio.Task[None] | None" = None


class PortKeeper:
    """Leases up to `capacity` ports for `worker`, and keeps each registered as long as it is held."""

    def __init__(
        self, worker: str, capacity: int, agent: UserAgent, records: Recorder, free: FreePorts
    ) -> None:
        self._worker = worker
        self._capacity = capacity
        self._agent = agent
        self._records = records
        self._free = free
        self._held: dict[int, HeldPort] = {}
        self._accounts: dict[int, SipAccount] = {}  # also of ports given up during a call
        self._look = asyncio.Event()

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
            for port_id, held in self._held.items():
                self._free.forbid(port_id)
                if held.keeping is not None:
                    held.keeping.cancel()
            self._held.clear()

    async def _keep(self) -> None:
        away = False
        while True:
            self._look.clear()
            try:
                leased = await asyncio.wrap_future(
                    self._records.submit(worker_records.keep_ports, self._worker, self._capacity)
                )
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

    async def _hold(self, leased: dict[int, LeasedPort]) -> None:
        for port_id, held in list(self._held.items()):
            if leased.get(port_id) != held.port:
                await self._give_up(port_id, held)
        for port_id, port in leased.items():
            self._free.is_behind(port_id, port.carrier, port.rate)
            self._free.rest(port.carrier, port.rests_for)
            if port_id in self._held:
                self._confirm(port)
            elif not self._free.is_taken(port_id):
                self._take(port)

    def _confirm(self, port: LeasedPort) -> None:
        """The record forgets a registration when a lease runs out before we take it again: say it once more."""
        held = self._held[port.id]
        if held.line.in_service and not port.is_in_service and held.writing is None:
            self._record(held)

    def _take(self, port: LeasedPort) -> None:
        line = Line(self._agent, _accounts_of(port), lambda: self._on_change(held))
        held = HeldPort(port, line)
        self._held[port.id] = held
        self._accounts[port.id] = line.accounts[0]
        held.keeping = asyncio.create_task(kept_up(line.keep))

    async def _give_up(self, port_id: int, held: HeldPort) -> None:
        """No call begins on the port any more; a call on it goes on, the binding goes."""
        del self._held[port_id]
        self._free.forbid(port_id)
        if held.keeping is not None:
            held.keeping.cancel()
        await held.line.leave()

    def _on_change(self, held: HeldPort) -> None:
        if self._held.get(held.port.id) is not held:
            return
        if held.line.active is not None:
            self._accounts[held.port.id] = held.line.active.account
            self._free.allow(held.port.id)
        else:
            self._free.forbid(held.port.id)
        self._record(held)

    def _record(self, held: HeldPort) -> None:
        held.is_unwritten = True
        if held.writing is None:
            held.writing = asyncio.create_task(self._write(held))

    async def _write(self, held: HeldPort) -> None:
        """One after the other, so that the last word stands."""
        try:
            while held.is_unwritten:
                held.is_unwritten = False
                state = DialerPort.State[held.line.state.name]
                place = str(held.line.active or "")
                record = (self._worker, held.port.id, state, place, held.line.error)
                await asyncio.wrap_future(self._records.submit(ports.record_registration, *record))
        except (OperationalError, InterfaceError):
            self._look.set()
        finally:
            held.writing = None


def _accounts_of(port: LeasedPort) -> tuple[SipAccount, ...]:
    """The port's account with each of its registrars, the preferred one first."""
    registrars = [(port.registrar_host, port.registrar_port)]
    if port.second_registrar_host:
        registrars.append((port.second_registrar_host, port.second_registrar_port))
    return tuple(
        SipAccount(
            username=port.extension,
            password=port.password,
            registrar_host=host,
            registrar_port=number,
            transport=port.transport,
            encryption=MediaEncryption(port.media_encryption),
            registers=port.registers,
        )
        for host, number in registrars
    )
