"""Plays all scenarios, many at a time in one loop, and looks at each one's outcome."""

import asyncio
import logging
import os
import shutil
from dataclasses import dataclass, field

import pytest

from . import answers, challenges, hang_ups, in_call, rejections, transfers
from .scenario import PASSWORD, Outcome, run

pytestmark = pytest.mark.peers

TABLES = (answers, rejections, challenges, in_call, transfers, hang_ups)
SCENARIOS = {scenario.name: scenario for table in TABLES for scenario in table.SCENARIOS}
AT_ONCE = 12


@dataclass
class Played:
    outcomes: dict[str, "Outcome | BaseException"] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    sockets_left: int = 0


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All scenarios that are asked for, the long ones first."""
    if shutil.which("sipp") is None:
        pytest.skip("sipp is not installed (Debian: sip-tester)")
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    names = {spec.params.get("name") for spec in specs if spec is not None}
    chosen = sorted((SCENARIOS[n] for n in names if n in SCENARIOS), key=lambda s: -s.expect.seconds[1])
    played = Played()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            played.log.append(record.getMessage() + (str(record.exc_info) if record.exc_info else ""))

    async def all_of_them() -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        work = [run(scenario, tmp_path_factory.mktemp("sipp"), slots) for scenario in chosen]
        found = await asyncio.gather(*work, return_exceptions=True)
        played.outcomes = {scenario.name: outcome for scenario, outcome in zip(chosen, found, strict=True)}

    keep, root = Keep(logging.DEBUG), logging.getLogger()
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    before = _open_files()
    try:
        asyncio.run(all_of_them())
    finally:
        root.removeHandler(keep)
        root.setLevel(level)
    played.sockets_left = _open_files() - before
    return played


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(played: Played, name: str) -> None:
    scenario, outcome = SCENARIOS[name], played.outcomes[name]
    if isinstance(outcome, BaseException):
        raise outcome
    expect, report, story = scenario.expect, outcome.report, outcome.story
    assert (report.result, report.ended_by) == (expect.result, expect.by or report.ended_by), story
    assert (report.sip_code, report.q850_cause) == (expect.code, expect.cause), story
    if expect.reason is not None:
        assert report.reason == expect.reason, story
    transfer = report.transfer and (report.transfer.accepted_code, report.transfer.final_code)
    assert transfer == expect.transfer, story
    assert report.duration_ms is not None
    assert expect.seconds[0] <= report.duration_ms / 1000 <= expect.seconds[1], story
    if scenario.needs_good_end:
        assert outcome.sipp_code == 0, f"sipp did not see what it expects{story}"
    if scenario.ours is not None:
        assert outcome.relay is not None
        assert outcome.relay.our_messages == scenario.ours.split(", "), story
    if scenario.also is not None:
        scenario.also(outcome)
    assert outcome.left_behind == "", story


def test_nothing_is_left_and_nothing_went_wrong_inside(played: Played) -> None:
    assert played.outcomes
    assert played.sockets_left == 0
    assert not [line for line in played.log if "a SIP step failed" in line or "failed inside" in line]


def test_the_password_is_in_no_log(played: Played) -> None:
    assert any("INVITE" in line for line in played.log)
    assert not [line for line in played.log if PASSWORD in line or 'response="' in line]
