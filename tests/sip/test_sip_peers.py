"""Against a PBX nobody here wrote: Asterisk. Run by `make test-peers`; sipp's part is in `tests/sipp`."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from dialing.detection import Detection
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.call import EndedBy
from telephony.sip.user_agent import RegistrationFailed, UserAgent

from .test_sip_messages import SHARED

pytestmark = pytest.mark.peers

LAB = SHARED / "pbx-lab"
ACCOUNT = SipAccount("6003", "pw6003", "127.0.0.1", 5160)


@pytest.fixture(scope="module")
def asterisk() -> Iterator[None]:
    """The lab's Asterisk; left running when it ran before."""
    if not (LAB / "start_pbx.sh").exists() or os.geteuid() != 0:
        pytest.skip(f"needs root and {LAB}; DIALER_SHARED names the folder of pbx-lab")
    if os.environ.get("PBX_LAB") == "off":
        pytest.skip("the PBX lab did not start")
    with socket.socket() as probe:
        runs = probe.connect_ex(("127.0.0.1", 5138)) == 0
    if not runs:
        subprocess.run([str(LAB / "start_pbx.sh")], check=True, cwd=LAB, timeout=300)
    yield
    if not runs:
        subprocess.run([str(LAB / "stop_pbx.sh")], check=True, cwd=LAB, timeout=60)


def call(
    number: str, *, amd: bool = False, account: SipAccount = ACCOUNT, register: bool = True, **plan: object
) -> CallReport:
    """One call from a fresh user agent, with everything put away afterwards."""

    async def run() -> CallReport:
        agent = UserAgent()
        detection = Detection(capacity=1)
        await agent.start("127.0.0.1")
        detection.start(agent.media)
        try:
            if register:
                await agent.register(account)
            detector = detection.call() if amd else None
            report = await place_call(agent, CallPlan(account, number, **plan), detector=detector)  # type: ignore[arg-type]
            assert agent.active_calls == 0
            assert agent.media.open_sessions == 0
            return report
        finally:
            await agent.stop()
            detection.close()

    return asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize(
    ("digit", "result", "code", "cause", "by"),
    [
        (2, CallResult.BUSY, 486, 17, EndedBy.REJECTED),
        (3, CallResult.REFUSED, 403, 21, EndedBy.REJECTED),
        (4, CallResult.FAILED, 487, None, EndedBy.CANCELLED),
        (5, CallResult.FAILED, 404, 1, EndedBy.REJECTED),
        (6, CallResult.SERVICE_TEMPORARY_UNAVAILABLE, 503, 34, EndedBy.REJECTED),
        (7, CallResult.ANSWERED, 200, 16, EndedBy.REMOTE),
        (8, CallResult.ANSWERED, 200, None, EndedBy.LOCAL),
    ],
)
def test_customers_of_asterisk(
    asterisk: None, digit: int, result: CallResult, code: int, cause: int | None, by: EndedBy
) -> None:
    report = call(f"060000000{digit}", ring_timeout_s=2.0, hold_s=3.0)
    assert (report.result, report.sip_code, report.ended_by) == (result, code, by)
    if cause is not None:
        assert report.q850_cause == cause


@pytest.mark.parametrize("pilot", ["7000", "8000"])
def test_person_is_transferred_by_asterisk(asterisk: None, pilot: str) -> None:
    report = call("0600000000", amd=True, transfer_to=pilot)
    assert report.result is CallResult.SUCCESS
    assert report.amd is not None
    assert report.amd.verdict == "HUMAN"
    assert report.transfer is not None
    assert (report.transfer.accepted_code, report.transfer.final_code) == (202, 200)
    assert report.audio_frames > 50


def test_machine_is_hung_up_on_through_asterisk(asterisk: None) -> None:
    report = call("0600000001", amd=True, transfer_to="7000")
    assert (report.result, report.ended_by) == (CallResult.AMD, EndedBy.LOCAL)


def test_wrong_password_at_asterisk(asterisk: None) -> None:
    with pytest.raises(RegistrationFailed) as caught:
        call("0600000000", account=SipAccount("6003", "wrong", "127.0.0.1", 5160))
    assert caught.value.code == 401
