"""An ended call goes as soon as nothing of the network can ask for it: it never waits for the garbage collector.

Calls that held themselves stayed for thousands of calls: the worker grew by half in its first hour, and the collector
held up the audio of all others when it came.
"""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from dialing.call import CallPlan, _CallRun, place_call
from telephony.sip.call import OutboundCall
from telephony.sip.user_agent import UserAgent

from .loopback_peer import Behaviour, eventually, loopback_peer
from .placing import ScriptedDetector, with_deadline


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times for which a call is remembered, in hundredths."""
    for name, seconds in (("T1", 0.005), ("T4", 0.05), ("TIMER_D", 0.32)):
        monkeypatch.setattr(f"telephony.sip.transaction.{name}", seconds)
    monkeypatch.setattr("telephony.sip.user_agent.FAREWELL_S", 0.05)
    monkeypatch.setattr("telephony.sip.user_agent.LINGER_S", 0.32)


@pytest.mark.usefixtures("no_collector", "short_memory")
@pytest.mark.parametrize(
    ("behaviour", "verdict"),
    [
        (Behaviour(audio_frames=10), "HUMAN"),
        (Behaviour(audio_frames=10), "MACHINE"),
        (Behaviour(code=486), "HUMAN"),
        (Behaviour(answer_after=None), "HUMAN"),
    ],
    ids=["transferred", "machine", "busy", "rings out"],
)
def test_an_ended_call_waits_for_no_garbage_collector(
    behaviour: Behaviour, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[object]] = []
    for kind in (_CallRun, OutboundCall):
        begin = kind.__init__

        def counted(self: object, *args: object, begin: object = begin, **more: object) -> None:
            made.append(weakref.ref(self))
            begin(self, *args, **more)  # type: ignore[operator]

        monkeypatch.setattr(kind, "__init__", counted)

    async def run() -> None:
        async with loopback_peer(behaviour) as peer:
            agent = UserAgent()
            await agent.start("127.0.0.1")
            plan = CallPlan(peer.account(), "0600", transfer_to="7000", ring_timeout_s=0.2)
            detector = ScriptedDetector(verdict, 3)
            await place_call(agent, plan, detector=detector, cancel=asyncio.Event(), release=asyncio.Event())
            del detector
            try:
                await eventually(lambda: agent.open_transactions == 0 and agent.known_calls == 0)
                await asyncio.sleep(0.05)
            finally:
                await agent.stop()

    with_deadline(run)
    assert len(made) == 2
    assert [one() for one in made] == [None, None]
