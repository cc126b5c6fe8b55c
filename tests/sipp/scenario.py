"""One scenario: what sipp plays, what our side does, and what must come of it."""

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.call import EndedBy
from telephony.sip.user_agent import UserAgent

from .network import HOST, NO_FAULTS, Ear, Faults, Relay, ear, relay
from .script import render
from .stranger import harass

PASSWORD = "Rosebud 1941"
SIPP_DEADLINE_S = 75
SIPP_AFTER_US_S = 10.0
QUIET_DEADLINE_S = 80.0  # 64*T1 for what the peer still asks, and as long again for what we ask last
_PORTS = itertools.cycle(
    range(10000 + os.getpid() % 400 * 16, 19900, 8)
)  # sipp may take some of the next ones too
AL_SILENCE = b"\xd5" * 8000


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What the report must say. `transfer`: code of the REFER's answer, code of the outcome."""

    result: CallResult
    by: EndedBy | None
    """None: both hang up at once, and either may be first."""
    code: int | None = 200
    cause: int | None = None
    reason: str | None = None
    transfer: tuple[int | None, int | None] | None = None
    seconds: tuple[float, float] = (0.0, 12.0)


@dataclass
class Outcome:
    """What came of one run."""

    report: CallReport
    relay: Relay | None
    ear: Ear
    other_ear: Ear
    sipp_code: int
    sipp_errors: str
    left_behind: str

    @property
    def story(self) -> str:
        ladder = "\n".join(self.relay.ladder[:60]) if self.relay is not None else ""
        return f"\n{self.report}\n{ladder}\n{self.sipp_errors[:2000]}\nheard: {dict(self.ear.heard)}"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`xml` is the file that sipp plays, `values` fill its ${words}; `plan` goes to `CallPlan`."""

    name: str
    expect: Expect
    xml: str
    values: Mapping[str, str] = field(default_factory=dict)
    sipp_options: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    faults: Faults = NO_FAULTS
    transport: str = "udp"
    stop_after: float | None = None
    ours: str | None = None
    """Our messages in order, if they matter: "INVITE ACK BYE"."""
    hostile_packets: int = 0
    """So many mutated messages come from strangers while the call is up, to its SIP and its RTP port."""
    also: Callable[[Outcome], None] | None = None
    needs_good_end: bool = True
    """sipp must have seen the scenario to its end."""


async def run(scenario: Scenario, folder: Path, slots: asyncio.Semaphore) -> Outcome:
    """Play it against a user agent of its own, and wait until nothing is left of it."""
    agent = UserAgent()
    await agent.start(HOST)
    try:
        async with (
            slots,
            ear() as here,
            ear() as there,
            sipp(scenario, folder, {"audio_port": here.port, "other_port": there.port}) as (
                process,
                between,
                port,
            ),
        ):
            account = SipAccount("6001", PASSWORD, HOST, port, scenario.transport)
            cancel = asyncio.Event()
            if scenario.stop_after is not None:
                asyncio.get_running_loop().call_later(scenario.stop_after, cancel.set)
            plan = CallPlan(account, "0600", **{"hold_s": 0.5, **scenario.plan})
            attack = asyncio.create_task(harass(between, scenario.hostile_packets)) if between else None
            report = await place_call(agent, plan, cancel=cancel)
            if attack is not None:
                await attack
            code = await _end_of(process)
            if scenario.needs_good_end and between is not None:
                await asyncio.sleep(0.05)  # what the network still carries is in the record
            errors = (folder / "errors.log").read_text() if (folder / "errors.log").exists() else ""
            outcome = Outcome(report, between, here, there, code, errors, "")
        outcome.left_behind = await _rest(agent)
        return outcome
    finally:
        await agent.stop()


async def _rest(agent: UserAgent) -> str:
    """What is left when all timers have run out; empty: nothing."""

    def left() -> dict[str, int]:
        kinds = {
            "calls": agent.active_calls,
            "dialogs": agent.known_calls,
            "transactions": agent.open_transactions,
            "RTP sockets": agent.media.open_sessions,
        }
        return {kind: number for kind, number in kinds.items() if number}

    for _ in range(round(QUIET_DEADLINE_S / 0.2)):
        if not left():
            break
        await asyncio.sleep(0.2)
    return str(left() or "")


async def _end_of(process: asyncio.subprocess.Process) -> int:
    try:
        async with asyncio.timeout(SIPP_AFTER_US_S):
            return await process.wait()
    except TimeoutError:
        return -1


@contextlib.asynccontextmanager
async def sipp(
    scenario: Scenario, folder: Path, ports: Mapping[str, int]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Relay | None, int]]:
    """sipp for one call, the network before it, and the port that we call."""
    port = free_port(scenario.transport)
    async with contextlib.AsyncExitStack() as stack:
        between = None
        if scenario.transport == "udp":
            between = await stack.enter_async_context(relay(scenario.faults, (HOST, port)))
        entrance = between.port if between is not None else port
        script = folder / f"{scenario.xml}.xml"
        numbers = {name: str(number) for name, number in {**ports, "contact_port": entrance}.items()}
        script.write_text(render(scenario.xml, {**numbers, **scenario.values}))
        (folder / "silence.al").write_bytes(AL_SILENCE)
        command = [
            shutil.which("sipp") or "sipp",
            "-sf",
            str(script),
            "-i",
            HOST,
            "-p",
            str(port),
            "-mi",
            HOST,
        ]
        command += ["-m", "1", "-nostdin", "-timeout", str(SIPP_DEADLINE_S), "-timeout_error", "-trace_err"]
        command += ["-error_file", str(folder / "errors.log"), "-mp", str(free_port("udp"))]
        command += ["-t", "t1"] if scenario.transport == "tcp" else []
        command += scenario.sipp_options
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _until_open(port, scenario.transport, process)
            yield process, between, entrance
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def free_port(transport: str) -> int:
    """Below the ports that the system gives out, so that nobody takes it before sipp does."""
    for port in _PORTS:
        with socket.socket(socket.AF_INET, _kind(transport)) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


async def _until_open(port: int, transport: str, process: asyncio.subprocess.Process) -> None:
    for _ in range(500):
        if process.returncode is not None:
            raise RuntimeError(f"sipp ended at once with {process.returncode}")
        with socket.socket(socket.AF_INET, _kind(transport)) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return
        await asyncio.sleep(0.02)
    raise RuntimeError("sipp did not open its port")


def _kind(transport: str) -> socket.SocketKind:
    return socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
