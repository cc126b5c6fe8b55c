"""Calls over real sockets on loopback, from REGISTER to the report: `dialing.call.place_call`."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from telephony.results import CallResult
from telephony.rtp.packet import RtpPacket
from telephony.sip.call import EndedBy
from telephony.sip.sdes import MediaEncryption
from telephony.sip.user_agent import RegistrationFailed, UserAgent

from .loopback_peer import Behaviour, LoopbackPeer, loopback_peer
from .placing import dial, with_deadline


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

    dial(Behaviour(answer_after=None), check, stop_after="INVITE")


def test_stop_after_the_answer_changes_nothing() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert "CANCEL" not in peer.methods
        assert report.result is CallResult.SUCCESS

    dial(Behaviour(), check, stop_after="ACK", hold_s=0.3, transfer_to="7000")


def test_a_late_200_after_our_cancel_is_hung_up_and_failed() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert peer.methods == ["INVITE", "CANCEL", "ACK", "BYE"]
        assert (report.result, report.ended_by) == (CallResult.FAILED, EndedBy.CANCELLED)

    dial(Behaviour(answer_after=None, answers_cancel_with_200=True), check, ring_timeout_s=0.2)


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
