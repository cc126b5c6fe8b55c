"""Calls over real sockets on loopback, from REGISTER to the report: `dialing.call.place_call`."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amd.cause import Cause, Code
from dialing.call import CallPlan, place_call
from dialing.call_observer import SilentObserver, Verdict
from dialing.call_report import CallReport
from telephony.results import CallResult
from telephony.rtp.packet import RtpPacket
from telephony.sip.call import EndedBy
from telephony.sip.sdes import MediaEncryption
from telephony.sip.user_agent import RegistrationFailed, UserAgent

from .loopback_peer import Behaviour, LoopbackPeer, loopback_peer


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


def dial(behaviour: Behaviour, check: Callable[[LoopbackPeer, CallReport], None], **options: Any) -> None:
    """Place one call to a peer that behaves so, look at the report, and at what is left behind."""

    async def run() -> None:
        async with loopback_peer(behaviour) as peer:
            agent = UserAgent()
            await agent.start("127.0.0.1")
            detector, cancel = options.pop("detector", None), options.pop("cancel_after", None)
            stop, release = asyncio.Event(), asyncio.Event()
            if cancel is not None:
                asyncio.get_running_loop().call_later(cancel, stop.set)
            if (release_after := options.pop("release_after", None)) is not None:
                asyncio.get_running_loop().call_later(release_after, release.set)
            account = replace(peer.account(), encryption=options.pop("encryption", MediaEncryption.NONE))
            plan = CallPlan(account, "0600", **options)
            report = await place_call(agent, plan, detector=detector, cancel=stop, release=release)
            await asyncio.sleep(0.05)
            check(peer, report)
            assert agent.active_calls == 0
            assert agent.media.open_sessions == 0
            await agent.stop()

    with_deadline(run)


def with_deadline(run: Callable[[], Awaitable[None]], seconds: float = 15) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await run()

    asyncio.run(bounded())


def test_answered_call_is_held_heard_and_answered_with_silence() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.ended_by, report.sip_code) == (CallResult.ANSWERED, EndedBy.LOCAL, 200)
        assert 22 <= report.audio_frames <= 26
        assert report.first_audio_ms is not None
        assert report.first_audio_ms < 100
        assert 22 <= len(peer.rtp_received) <= 28  # 50 packets a second for half a second
        assert {RtpPacket.parse(data).payload_type for data in peer.rtp_received} == {8}
        assert peer.methods == ["INVITE", "ACK", "BYE"]
        assert report.media is not None
        assert (report.media.packets_in, report.media.lost) == (report.audio_frames, 0)
        assert report.media.packets_out == len(peer.rtp_received)

    dial(Behaviour(audio_frames=24), check, hold_s=0.5)


def test_an_answer_in_the_clear_ends_a_call_whose_port_requires_encryption() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.ended_by) == (CallResult.UNKNOWN, EndedBy.LOCAL)
        assert report.reason is not None
        assert "not encrypted" in report.reason
        assert peer.methods == ["INVITE", "ACK", "BYE"]
        assert not peer.rtp_received

    dial(Behaviour(audio_frames=24), check, hold_s=0.5, encryption=MediaEncryption.REQUIRED)


def test_early_media_is_counted_apart() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert 8 <= report.early_media_frames <= 10
        assert 8 <= report.audio_frames <= 12

    dial(Behaviour(early_frames=10, audio_frames=10), check, hold_s=0.3)


@pytest.mark.parametrize(
    ("code", "cause", "result"),
    [
        (486, None, CallResult.BUSY),
        (603, None, CallResult.REFUSED),
        (603, 16, CallResult.FAILED),
        (403, 21, CallResult.REFUSED),
        (403, None, CallResult.UNKNOWN),
        (404, 1, CallResult.FAILED),
        (503, 34, CallResult.SERVICE_TEMPORARY_UNAVAILABLE),
    ],
)
def test_rejections_become_results(code: int, cause: int | None, result: CallResult) -> None:
    headers = {"Reason": f"Q.850;cause={cause}"} if cause else {}

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.sip_code, report.q850_cause) == (result, code, cause)
        assert (report.ended_by, report.retry_after_s) == (EndedBy.REJECTED, 30 if code == 503 else None)
        assert "ACK" in peer.methods

    if code == 503:
        headers["Retry-After"] = "30"
    dial(Behaviour(code=code, final_headers=headers), check, transfer_to="7000")


def test_ringing_out_is_cancelled_and_failed() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert peer.methods == ["INVITE", "CANCEL", "ACK"]
        assert (report.result, report.sip_code, report.ended_by) == (
            CallResult.FAILED,
            487,
            EndedBy.CANCELLED,
        )
        assert report.duration_ms is not None
        assert 190 <= report.duration_ms <= 600

    dial(Behaviour(answer_after=None), check, ring_timeout_s=0.2)


def test_stop_before_the_answer_cancels() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert "CANCEL" in peer.methods
        assert (report.result, report.reason) == (CallResult.FAILED, "stopped")

    dial(Behaviour(answer_after=None), check, cancel_after=0.1)


def test_stop_after_the_answer_changes_nothing() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert "CANCEL" not in peer.methods
        assert report.result is CallResult.SUCCESS

    dial(Behaviour(), check, cancel_after=0.1, hold_s=0.3, transfer_to="7000")


def test_a_late_200_after_our_cancel_is_hung_up_and_failed() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert peer.methods == ["INVITE", "CANCEL", "ACK", "BYE"]
        assert (report.result, report.ended_by) == (CallResult.FAILED, EndedBy.CANCELLED)

    dial(Behaviour(answer_after=None, answers_cancel_with_200=True), check, ring_timeout_s=0.2)


@pytest.mark.parametrize(
    ("behaviour", "result", "codes"),
    [
        (Behaviour(), CallResult.SUCCESS, (202, 200)),
        (Behaviour(notify_first=True), CallResult.SUCCESS, (202, 200)),
        (Behaviour(notifies=("200 OK",)), CallResult.SUCCESS, (202, 200)),
        (Behaviour(notifies=(), bye_after_refer=True), CallResult.SUCCESS, (202, None)),
        (Behaviour(notifies=("100 Trying", "486 Busy Here")), CallResult.FAILED, (202, 486)),
        (Behaviour(refer_code=603, notifies=()), CallResult.FAILED, (603, None)),
    ],
)
def test_transfers(behaviour: Behaviour, result: CallResult, codes: tuple[int, int | None]) -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is result
        assert report.transfer is not None
        assert (report.transfer.accepted_code, report.transfer.final_code) == codes
        assert (report.transferred_at is not None) == (result is CallResult.SUCCESS)
        assert report.ended_by is (EndedBy.REMOTE if behaviour.bye_after_refer else EndedBy.LOCAL)

    dial(behaviour, check, transfer_to="7000")


@pytest.mark.parametrize(
    ("too_early", "result"), [(1, CallResult.SUCCESS), (3, CallResult.SUCCESS), (9, CallResult.FAILED)]
)
def test_a_pbx_that_has_not_bridged_the_call_yet_is_asked_again(too_early: int, result: CallResult) -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is result
        assert peer.methods.count("REFER") == min(too_early + 1, 4)
        assert report.ended_by is EndedBy.LOCAL

    dial(Behaviour(refers_too_early=too_early), check, transfer_to="7000")


def test_accepted_transfer_without_notify_is_released_in_time() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is CallResult.SUCCESS
        assert peer.methods[-1] == "BYE"

    dial(Behaviour(notifies=()), check, transfer_to="7000", transfer_timeout_s=0.3)


@pytest.mark.parametrize(
    ("outcome", "result", "is_abandoned"),
    [("200 OK", CallResult.SUCCESS, False), ("487 Gone", CallResult.FAILED, True)],
)
def test_who_waits_for_an_agent_is_waited_for_while_the_pbx_tells(
    outcome: str, result: CallResult, is_abandoned: bool
) -> None:
    """A call whose agent came after the deadline counted as abandoned."""

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.transfer is not None
        assert (report.transfer.accepted_code, report.transfer.final_code) == (202, int(outcome[:3]))
        assert (report.result, report.is_abandoned) == (result, is_abandoned)
        assert peer.methods[-1] == "BYE"

    behaviour = Behaviour(notifies=("100 Trying", outcome), final_notify_after=0.5)
    dial(behaviour, check, transfer_to="7000", transfer_timeout_s=0.2)


def test_a_wait_for_an_agent_ends_too_and_nobody_knows_how() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.is_abandoned) == (CallResult.SUCCESS, False)
        assert report.transfer is not None
        assert report.transfer.final_code is None
        assert report.transferred_at is not None

    dial(Behaviour(notifies=("100 Trying",)), check, transfer_to="7000", transfer_wait_s=0.3)


@pytest.mark.parametrize(
    ("transfer_to", "result"), [("7000", CallResult.SUCCESS), (None, CallResult.ANSWERED)]
)
def test_a_call_that_is_let_go_ends_at_once(transfer_to: str | None, result: CallResult) -> None:
    """What the PBX has taken over goes on there."""

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.ended_by, report.is_abandoned) == (result, EndedBy.LOCAL, False)
        assert peer.methods[-1] == "BYE"

    behaviour = Behaviour(notifies=("100 Trying",))
    dial(behaviour, check, transfer_to=transfer_to, release_after=0.3, hold_s=None if transfer_to else 60)


def test_person_who_hangs_up_before_the_transfer() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.ended_by) == (CallResult.FAILED, EndedBy.REMOTE)
        assert report.reason == "hung up before the transfer"
        assert "REFER" not in peer.methods

    detector = ScriptedDetector("HUMAN", 200)
    dial(Behaviour(bye_after=0.2), check, detector=detector, transfer_to="7000")


def test_machine_is_hung_up_on() -> None:
    detector = ScriptedDetector("MACHINE", 20)

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is CallResult.AMD
        assert report.amd is not None
        assert report.amd.verdict == "MACHINE"
        assert "REFER" not in peer.methods
        assert peer.methods[-1] == "BYE"

    dial(Behaviour(audio_frames=50), check, detector=detector, transfer_to="7000")


def test_a_machines_call_lasts_as_long_as_the_profile_says() -> None:
    detector = ScriptedDetector("MACHINE", 5, shortest_machine_call_ms=600)

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is CallResult.AMD
        assert report.duration_ms is not None
        assert report.answered_ms is not None
        assert 590 <= report.duration_ms - report.answered_ms < 1000
        assert detector.closed

    dial(Behaviour(audio_frames=50), check, detector=detector)


def test_a_detector_that_never_answers_means_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(ScriptedDetector):
        def finish(self) -> None:
            pass

    monkeypatch.setattr("dialing.call.VERDICT_DEADLINE_S", 0.1)

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is CallResult.SUCCESS
        assert report.amd is not None
        assert report.amd.verdict == "NOTSURE"

    dial(Behaviour(), check, detector=Mute("MACHINE", None), transfer_to="7000")


def test_detector_hears_time_pass_without_audio_and_gaps_as_none() -> None:
    silent, lossy = ScriptedDetector("HUMAN", 20), ScriptedDetector("HUMAN", 30)
    dial(Behaviour(), lambda peer, report: None, detector=silent)
    assert silent.frames == [None] * 20
    dial(
        Behaviour(audio_frames=40, lost_frames=frozenset({10, 11})), lambda peer, report: None, detector=lossy
    )
    heard = [frame is not None for frame in lossy.frames]
    gap = heard.index(False, heard.index(True))
    assert heard[gap : gap + 3] == [False, False, True]


def test_silent_network_ends_the_call_and_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.transaction.T1", 0.01)

    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.result is CallResult.SERVICE_TEMPORARY_UNAVAILABLE
        assert (report.ended_by, report.sip_code) == (EndedBy.TIMEOUT, None)

    dial(Behaviour(ignores=frozenset({"INVITE"})), check, ring_timeout_s=0.2)


def test_the_call_ends_by_its_own_deadline() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert report.duration_ms is not None
        assert report.duration_ms < 1500

    dial(Behaviour(), check, hold_s=60, max_call_s=0.5)


def test_number_that_is_none() -> None:
    async def run() -> None:
        agent = UserAgent()
        await agent.start("127.0.0.1")
        async with loopback_peer() as peer:
            report = await place_call(agent, CallPlan(peer.account(), "06 00@evil\r\n"))
        assert (report.result, peer.received) == (CallResult.UNKNOWN, [])
        assert agent.media.open_sessions == 0
        await agent.stop()

    with_deadline(run)


def test_unknown_registrar_is_an_unavailable_service() -> None:
    async def run() -> None:
        agent = UserAgent()
        await agent.start("127.0.0.1")
        async with loopback_peer() as peer:
            account = peer.account()
        gone = type(account)("6001", "x", "no-such-host.invalid")
        report = await place_call(agent, CallPlan(gone, "0600"))
        assert report.result is CallResult.SERVICE_TEMPORARY_UNAVAILABLE
        with pytest.raises(RegistrationFailed, match=r"no-such-host\.invalid"):
            await agent.register(gone)
        await agent.stop()

    with_deadline(run)


def test_wrong_password_is_reported_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with loopback_peer(Behaviour(password_code=401)) as peer:
            agent = UserAgent()
            await agent.start("127.0.0.1")
            with pytest.raises(RegistrationFailed) as caught:
                await agent.register(peer.account("hunter2"))
            assert caught.value.code == 401
            assert len(peer.requests("REGISTER")) == 2
            await agent.stop()

    with caplog.at_level(logging.DEBUG):
        with_deadline(run)
    assert "REGISTER" in caplog.text
    assert "hunter2" not in caplog.text
    assert "response=" not in caplog.text


def test_many_ports_register_and_call_on_one_socket_and_leave_nothing() -> None:
    async def run() -> None:
        async with loopback_peer() as peer:
            agent = UserAgent()
            await agent.start("127.0.0.1")
            accounts = [type(peer.account())(str(6000 + n), "p", "127.0.0.1", peer.port) for n in range(50)]
            await asyncio.gather(*(agent.register(account) for account in accounts))
            assert len(agent.registrations) == 50
            assert len({envelope.via.port for envelope in peer.received}) == 1
            await agent.stop()
            removed = {e.call_id for e in peer.requests("REGISTER") if e.header("Expires") == "0"}
            assert len(removed) == 50

    with_deadline(run)


def stream_call(
    transport: str, server: ssl.SSLContext | None, client: ssl.SSLContext | None
) -> tuple[CallReport, LoopbackPeer]:
    found: list[Any] = []

    async def run() -> None:
        async with loopback_peer(Behaviour(audio_frames=20), transport=transport, tls=server) as peer:
            agent = UserAgent(tls=client)
            await agent.start("127.0.0.1")
            report = await place_call(agent, CallPlan(peer.account(), "0600", hold_s=0.2, transfer_to="7000"))
            await agent.stop()
            found.extend([report, peer])

    with_deadline(run)
    return found[0], found[1]


def test_call_over_tcp() -> None:
    report, peer = stream_call("tcp", None, None)
    assert report.result is CallResult.SUCCESS
    assert peer.methods[:2] == ["INVITE", "ACK"]
    assert peer.requests("INVITE")[0].via.transport == "TCP"


def test_call_over_tls_with_a_trusted_certificate(certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "crt", certificate / "key")
    report, _ = stream_call("tls", server, ssl.create_default_context(cafile=str(certificate / "crt")))
    assert report.result is CallResult.SUCCESS


def test_untrusted_certificate_sends_nothing(certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "crt", certificate / "key")
    report, peer = stream_call("tls", server, ssl.create_default_context())
    assert (report.result, report.ended_by) == (CallResult.SERVICE_TEMPORARY_UNAVAILABLE, EndedBy.TIMEOUT)
    assert "certificate" in (report.reason or "")
    assert peer.received == []


def test_observer_hears_the_story_in_order() -> None:
    story: list[str] = []

    class Listener(SilentObserver):
        def on_dialing(self) -> None:
            story.append("dialing")

        def on_ringing(self) -> None:
            story.append("ringing")

        def on_answered(self) -> None:
            story.append("answered")

        def on_verdict(self, verdict: Verdict) -> None:
            story.append(verdict.label)

        def on_transferring(self) -> None:
            story.append("transferring")

        def on_transferred(self) -> None:
            story.append("transferred")

    async def run() -> None:
        async with loopback_peer() as peer:
            agent = UserAgent()
            await agent.start("127.0.0.1")
            plan = CallPlan(peer.account(), "0600", transfer_to="7000")
            await place_call(agent, plan, detector=ScriptedDetector("NOTSURE", 5), observer=Listener())
            await agent.stop()

    with_deadline(run)
    assert story == ["dialing", "ringing", "answered", "NOTSURE", "transferring", "transferred"]
