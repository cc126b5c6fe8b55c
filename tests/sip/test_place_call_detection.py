"""What the detector hears of a call and what its verdict does to it: `dialing.call.place_call`."""

import pytest

from dialing.call_report import CallReport
from telephony.results import CallResult

from .loopback_peer import Behaviour, LoopbackPeer
from .placing import ScriptedDetector, dial


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
