"""Against a PBX nobody here wrote: Asterisk. Run by `make test-peers`; sipp's part is in `tests/sipp`."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from dialing.detection import Detection
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.call import EndedBy
from telephony.sip.user_agent import RegistrationFailed, UserAgent
from tests.contact_center.lab import SIP_PORT, AmiLog, running_lab

pytestmark = pytest.mark.peers

ACCOUNT = SipAccount("6003", "pw6003", "127.0.0.1", SIP_PORT)


@pytest.fixture(scope="module")
def asterisk() -> Iterator[None]:
    with running_lab():
        yield


async def place(
    number: str, *, amd: bool = False, account: SipAccount = ACCOUNT, **plan: object
) -> CallReport:
    """One call from a fresh, registered user agent, with everything put away afterwards."""
    agent = UserAgent()
    detection = Detection(capacity=1)
    await agent.start("127.0.0.1")
    detection.start(agent.media)
    try:
        await agent.register(account)
        detector = detection.call() if amd else None
        report = await place_call(agent, CallPlan(account, number, **plan), detector=detector)  # type: ignore[arg-type]
        assert report.registered
        assert agent.active_calls == 0
        assert agent.media.open_sessions == 0
        return report
    finally:
        await agent.stop()
        detection.close()


def call(number: str, **options: Any) -> CallReport:
    return asyncio.run(asyncio.wait_for(place(number, **options), 60))


UNAVAILABLE = CallResult.SERVICE_TEMPORARY_UNAVAILABLE


@pytest.mark.parametrize(
    ("number", "result", "code", "cause", "by", "reason"),
    [
        ("0600000002", CallResult.BUSY, 486, 17, EndedBy.REJECTED, "Busy Here"),
        ("0600000003", CallResult.REFUSED, 403, 21, EndedBy.REJECTED, "Forbidden"),  # the customer said 603
        ("0600000004", CallResult.FAILED, 487, None, EndedBy.CANCELLED, "Request Terminated"),
        ("0600000005", CallResult.FAILED, 404, 1, EndedBy.REJECTED, "Not Found"),
        ("0600000006", UNAVAILABLE, 503, 34, EndedBy.REJECTED, "Service Unavailable"),
        ("0600000007", CallResult.ANSWERED, 200, 16, EndedBy.REMOTE, None),
        ("0600000008", CallResult.ANSWERED, 200, None, EndedBy.LOCAL, None),
        ("5555", CallResult.FAILED, 404, None, EndedBy.REJECTED, "Not Found"),  # no such extension
    ],
)
def test_customers_of_asterisk(
    asterisk: None,
    number: str,
    result: CallResult,
    code: int,
    cause: int | None,
    by: EndedBy,
    reason: str | None,
) -> None:
    report = call(number, ring_timeout_s=2.0, hold_s=3.0)
    assert (report.result, report.sip_code, report.ended_by) == (result, code, by)
    assert report.reason == reason
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


def test_an_agent_of_the_queue_has_the_transferred_person(asterisk: None) -> None:
    """Asterisk's own word for it: the caller who joins the queue is connected to a member, and our leg is gone."""

    async def run() -> None:
        async with AmiLog() as log:
            report = await place("0600000000", hold_s=0.5, transfer_to="7000")
            for _ in range(100):
                if log.events("AgentConnect"):
                    break
                await asyncio.sleep(0.1)
            assert report.result is CallResult.SUCCESS
            joined, connected = log.events("QueueCallerJoin")[0], log.events("AgentConnect")[0]
            assert joined.get("Queue") == connected.get("Queue") == "sales"
            assert joined.get("Uniqueid") == connected.get("Uniqueid")
            assert connected.get("Interface").startswith("PJSIP/71")

    asyncio.run(asyncio.wait_for(run(), 60))


def test_transfer_to_a_number_that_is_not_there(asterisk: None) -> None:
    report = call("0600000000", hold_s=0.5, transfer_to="6666")
    assert report.result is CallResult.FAILED
    assert report.transfer is not None
    assert (report.transfer.accepted_code, report.transfer.final_code) == (202, 404)
    assert report.reason == "transfer to 6666 failed with 404"


def test_machine_is_hung_up_on_through_asterisk(asterisk: None) -> None:
    report = call("0600000001", amd=True, transfer_to="7000")
    assert (report.result, report.ended_by) == (CallResult.AMD, EndedBy.LOCAL)


def test_wrong_password_at_asterisk(asterisk: None) -> None:
    with pytest.raises(RegistrationFailed) as caught:
        call("0600000000", account=SipAccount("6003", "wrong", "127.0.0.1", SIP_PORT))
    assert caught.value.code == 401


@pytest.mark.parametrize(
    ("password", "exit_code", "expected"),
    [
        ("pw6004", 0, {"result": "SUCCESS", "registered": True, "sip_code": 200, "ended_by": "local"}),
        ("hunter2", 3, {"registered": False, "sip_code": 401, "ended_by": "rejected", "transfer": None}),
    ],
)
def test_the_command_makes_the_same_call(
    asterisk: None, password: str, exit_code: int, expected: dict[str, object]
) -> None:
    command = [sys.executable, "manage.py", "test_call", "0600000000", "--registrar", f"127.0.0.1:{SIP_PORT}"]
    command += ["--user", "6004", "--password", password, "--hold", "0.5", "--transfer", "7000", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == exit_code, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert {name: said[name] for name in expected} == expected
    if exit_code == 0:
        assert (said["transfer"]["accepted_code"], said["transfer"]["final_code"]) == (202, 200)
    assert password not in done.stdout + done.stderr
