"""Transfers of answered calls to the pilot number, over real sockets: `dialing.call.place_call`."""

import pytest

from dialing.call import CallPlan, place_call
from dialing.call_observer import SilentObserver, Verdict
from dialing.call_report import CallReport
from telephony.results import CallResult
from telephony.sip.call import EndedBy
from telephony.sip.user_agent import UserAgent

from .loopback_peer import Behaviour, LoopbackPeer, loopback_peer
from .placing import ScriptedDetector, dial, with_deadline


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
    dial(
        behaviour,
        check,
        transfer_to=transfer_to,
        release_after="REFER" if transfer_to else "ACK",
        hold_s=None if transfer_to else 60,
    )


def test_person_who_hangs_up_before_the_transfer() -> None:
    def check(peer: LoopbackPeer, report: CallReport) -> None:
        assert (report.result, report.ended_by) == (CallResult.FAILED, EndedBy.REMOTE)
        assert report.reason == "hung up before the transfer"
        assert "REFER" not in peer.methods

    detector = ScriptedDetector("HUMAN", 200)
    dial(Behaviour(bye_after=0.2), check, detector=detector, transfer_to="7000")


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
