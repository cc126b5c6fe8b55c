"""One call by `dialing.call.place_call`, to a loopback peer that behaves as the test says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from amd.cause import Cause, Code
from dialing.call import CallPlan, place_call
from dialing.call_observer import Verdict
from dialing.call_report import CallReport
from telephony.sip.sdes import MediaEncryption
from telephony.sip.user_agent import UserAgent

from .loopback_peer import Behaviour, LoopbackPeer, eventually, loopback_peer

Check = Callable[[LoopbackPeer, CallReport], None]


class Said:
    """A verdict."""

    def __init__(self, label: str, decision_ms: int = 100) -> None:
        self.label, self.cause, self.decision_ms = label, "as the test says", decision_ms
        self.why = Cause(Code.TONE)


class ScriptedDetector:
    """Decides after so many frames, or only when it must."""

    def __init__(self, label: str, after: int | None, shortest_machine_call_ms: int = 0) -> None:
        self.frames: list[bytes | None] = []
        self.shortest_machine_call_ms = shortest_machine_call_ms
        self.closed = False
        self._label, self._after = label, after
        self._on_verdict: Callable[[Verdict], None] = lambda verdict: None

    def begin(self, on_verdict: Callable[[Verdict], None], /) -> None:
        self._on_verdict = on_verdict

    def hear(self, frame: bytes | None, /) -> None:
        self.frames.append(frame)
        if self._after is not None and len(self.frames) == self._after:
            self._on_verdict(Said(self._label))

    def finish(self) -> None:
        self._on_verdict(Said(self._label))

    def close(self) -> None:
        self.closed = True


def dial(
    behaviour: Behaviour,
    check: Check,
    *,
    stop_after: str | None = None,
    release_after: str | None = None,
    detector: ScriptedDetector | None = None,
    encryption: MediaEncryption = MediaEncryption.NONE,
    **plan: Any,
) -> None:
    """Place one call to a peer that behaves so, look at the report, and at what is left behind.

    `stop_after`, `release_after`: the request whose arrival at the peer is followed by the campaign's stop, or by the
    worker's wish to let the call go.
    """

    async def run() -> None:
        async with loopback_peer(behaviour) as peer:
            agent = UserAgent()
            await agent.start("127.0.0.1")
            stop, release = asyncio.Event(), asyncio.Event()
            watches = [
                asyncio.create_task(_set_after(peer, method, event))
                for method, event in ((stop_after, stop), (release_after, release))
                if method is not None
            ]
            account = replace(peer.account(), encryption=encryption)
            call = CallPlan(account, "0600", **plan)
            try:
                report = await place_call(agent, call, detector=detector, cancel=stop, release=release)
                await asyncio.sleep(0.05)
                left = agent.active_calls, agent.media.open_sessions
            finally:
                for watch in watches:
                    watch.cancel()
                await agent.stop()
            assert left == (0, 0)
            check(peer, report)

    with_deadline(run)


async def _set_after(peer: LoopbackPeer, method: str, event: asyncio.Event) -> None:
    await eventually(lambda: method in peer.methods)
    event.set()


def with_deadline(run: Callable[[], Awaitable[None]], seconds: float = 15) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await run()

    asyncio.run(bounded())
