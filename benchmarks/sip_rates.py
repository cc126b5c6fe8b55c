"""Call set-up and registration against sipp: 300 calls at 100 new calls a second, 300 ports, 1,000 ringing at once.

python -m benchmarks.sip_rates [--calls 300] [--rate 100] [--ports 300] [--ringing 1000]
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from typing import Any

import uvloop

from benchmarks._process import load, rss_mb
from benchmarks._sipp import HOST, NoSippError, sipp
from dialing.call import CallPlan, SilentObserver, place_call
from dialing.call_report import CallReport
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.registration import RegistrationFailed
from telephony.sip.user_agent import UserAgent


async def answered(port: int, calls: int, rate: float) -> dict[str, Any]:
    """New calls at this rate, all answered and held until the last one is there."""
    agent = UserAgent()
    await agent.start(HOST)
    tasks = []
    begin, cpu = time.perf_counter(), time.process_time()
    for number in range(calls):
        plan = CallPlan(SipAccount("6001", "x", HOST, port), f"06{number:08}", hold_s=calls / rate + 1)
        tasks.append(asyncio.create_task(place_call(agent, plan)))
        await asyncio.sleep(max(0.0, begin + (number + 1) / rate - time.perf_counter()))
    took = time.perf_counter() - begin
    reports: list[CallReport] = await asyncio.gather(*tasks)
    await agent.stop()
    there = sorted(r.answered_ms for r in reports if r.result is CallResult.ANSWERED and r.answered_ms)
    return {
        "calls": calls,
        "new_calls_per_s": round(calls / took, 1),
        "lost": calls - len(there),
        "answered_ms_p95": there[len(there) * 95 // 100] if there else None,
        "cpu_ms_per_call": round((time.process_time() - cpu) * 1000 / calls, 2),
    }


async def registered(port: int, ports: int) -> dict[str, Any]:
    """All ports registered, each challenged with 401 first."""
    agent = UserAgent()
    await agent.start(HOST)
    accounts = [SipAccount(f"{6000 + n}", f"pw{n}", HOST, port) for n in range(ports)]
    begin = time.perf_counter()
    found = await asyncio.gather(*(agent.register(a) for a in accounts), return_exceptions=True)
    took = time.perf_counter() - begin
    failed = sum(isinstance(answer, RegistrationFailed | OSError) for answer in found)
    for registration in agent.registrations.values():
        registration.stop()  # the scenario knows no un-REGISTER
    agent.registrations.clear()
    await agent.stop()
    return {"ports": ports, "failed": failed, "seconds": round(took, 2)}


class Ringing(SilentObserver):
    def __init__(self) -> None:
        self.count = 0

    def on_ringing(self) -> None:
        self.count += 1


async def ringing(port: int, calls: int) -> dict[str, Any]:
    """So many calls ring at once in this process; then they are cancelled."""
    agent, seen, cancel = UserAgent(), Ringing(), asyncio.Event()
    await agent.start(HOST)
    before = rss_mb()
    tasks = []
    for number in range(calls):
        plan = CallPlan(SipAccount("6001", "x", HOST, port), f"06{number:08}", ring_timeout_s=120)
        tasks.append(asyncio.create_task(place_call(agent, plan, observer=seen, cancel=cancel)))
        await asyncio.sleep(0.004)
    await asyncio.sleep(2)
    at_once, memory = agent.active_calls, rss_mb()
    cancel.set()
    reports: list[CallReport] = await asyncio.gather(*tasks)
    await agent.stop()
    return {
        "calls": calls,
        "ringing": seen.count,
        "at_once": at_once,
        "cancelled": sum(r.result is CallResult.FAILED for r in reports),
        "kb_per_call": round((memory - before) * 1024 / calls, 1),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with sipp("answers_quietly.xml", PAUSE=100) as port:
            figures["answered"] = runner.run(answered(port, options.calls, options.rate))
        with sipp("registrar.xml") as port:
            figures["registered"] = runner.run(registered(port, options.ports))
        with sipp("rings.xml") as port:
            figures["ringing"] = runner.run(ringing(port, options.ringing))
    return {**figures, "load": load()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--ports", type=int, default=300)
    parser.add_argument("--ringing", type=int, default=1000)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))  # a socket for each call
    try:
        figures = measure(options)
    except NoSippError as missing:
        figures = {"why": str(missing)}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
