"""What many calls leave behind: memory, file descriptors, dialogs, transactions, sockets.

    python -m benchmarks.sip_memory [--calls 10000] [--rate 100]

Calls are answered by sipp and hung up at once. An ended call answers late requests for 32 s, so that long is waited
before each measurement, and as many calls as that time holds are the warm-up. `idle_mb` is before any call.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from typing import Any

import uvloop

from benchmarks._process import descriptors, load, rss_mb
from benchmarks._sipp import HOST, NoSippError, sipp
from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.user_agent import LINGER_S, UserAgent


async def make_calls(agent: UserAgent, port: int, calls: int, rate: float) -> int:
    """Places calls at this rate; returns how many were answered."""
    tasks: set[asyncio.Task[CallReport]] = set()
    reports = 0

    def count(task: asyncio.Task[CallReport]) -> None:
        nonlocal reports
        tasks.discard(task)
        reports += task.result().result is CallResult.ANSWERED

    begin = time.perf_counter()
    for number in range(calls):
        plan = CallPlan(SipAccount("6001", "x", HOST, port), f"06{number:08}", hold_s=0.1)
        task = asyncio.create_task(place_call(agent, plan))
        tasks.add(task)
        task.add_done_callback(count)
        await asyncio.sleep(max(0.0, begin + (number + 1) / rate - time.perf_counter()))
    while tasks:
        await asyncio.wait(tasks)
    return reports


async def left_behind(agent: UserAgent) -> dict[str, Any]:
    """What there is when the last call is forgotten."""
    await asyncio.sleep(LINGER_S + 1)
    gc.collect()
    return {
        "rss_mb": rss_mb(),
        "descriptors": descriptors(),
        "dialogs": agent.known_calls,
        "transactions": agent.open_transactions,
        "rtp_sockets": agent.media.open_sessions,
    }


async def run(port: int, calls: int, rate: float) -> dict[str, Any]:
    agent = UserAgent()
    await agent.start(HOST)
    idle = rss_mb()
    await make_calls(agent, port, round(rate * LINGER_S), rate)
    before = await left_behind(agent)
    answered = await make_calls(agent, port, calls, rate)
    after = await left_behind(agent)
    await agent.stop()
    return {
        "calls": calls,
        "answered": answered,
        "idle_mb": idle,
        "growth_mb": round(after["rss_mb"] - before["rss_mb"], 1),
        "before": before,
        "after": after,
        "load": load(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100)
    options = parser.parse_args()
    try:
        with (
            sipp("answers_quietly.xml", PAUSE=50) as port,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            figures = runner.run(run(port, options.calls, options.rate))
    except NoSippError as missing:
        figures = {"why": str(missing)}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
