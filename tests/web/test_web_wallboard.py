"""The wallboard: figures of one's own campaigns alone, one event an answer, and no news without an engine."""

import json
import time
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import Role
from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing import now
from dialing.attempt import Outcome
from dialing.engine.board import ANSWERED, Board, recent_results
from dialing.events import ATTEMPTS, BOARD, BoardReader, EventWriter
from groups import services as groups
from leads import answered
from leads.models import LeadStatus
from telephony.contact_center import Agent, AgentState, QueueSnapshot
from tests.factories import make_attempt, make_campaign, make_lead, make_user
from tests.web.test_web_lockout import put_clock_back
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db

URL = "/wallboard/events/"


def board_of(*campaigns: Campaign, at: float | None = None) -> dict[str, Any]:
    board, now = Board(), at or time.time()
    for campaign in campaigns:
        states = (
            AgentState.FREE,
            AgentState.BUSY,
            AgentState.WRAP_UP,
            AgentState.PAUSED,
            AgentState.SIGNED_OUT,
        )
        agents = tuple(Agent(str(n), str(n), state) for n, state in enumerate(states))
        name = campaign.queue.name
        board.queue(campaign.queue_id, QueueSnapshot(name, "OSCC", "7000", agents, 3, 0, 0), now)
        for result, was_answered in (
            (LeadStatus.SUCCESS, True),
            (LeadStatus.AMD, True),
            (LeadStatus.FAILED, True),  # hung up before an agent took the call
            (LeadStatus.UNKNOWN, True),
            *[(LeadStatus.BUSY, False)] * 3,
            (LeadStatus.DO_NOT_CALL, False),
            (LeadStatus.FAILED, False),
        ):
            board.ended(campaign.pk, result, now, answered=was_answered)
        board.ended(campaign.pk, LeadStatus.SUCCESS, now - 3600, answered=True)
    return board.as_json(now, {campaign.pk: {"DIALING": 2} for campaign in campaigns})


def publish(empty_valkey: str, entry: dict[str, Any]) -> None:
    now.reader.cache_clear()
    writer = EventWriter(empty_valkey)
    writer.put(BOARD, entry)
    writer.close()


def figures(answer: Any) -> dict[str, Any]:
    [data] = [line for line in answer.content.decode().splitlines() if line.startswith("data: ")]
    found: dict[str, Any] = json.loads(data.removeprefix("data: "))
    return found


def test_a_viewer_sees_the_figures_of_their_own_campaigns_alone(empty_valkey: str) -> None:
    mine, other = make_campaign(), make_campaign()
    answered.count(mine.pk, timezone.now(), abandoned=True)
    answered.count(mine.pk, timezone.now(), abandoned=False)
    answered.count(other.pk, timezone.now(), abandoned=False)
    publish(empty_valkey, board_of(mine, other))
    viewer = signed_in(make_user(Role.CAMPAIGN_SUPERVISOR, [mine.group]))
    answer = viewer.get(URL)
    assert answer["Content-Type"] == "text/event-stream"
    seen = figures(answer)
    assert seen["calls"] == {"DIALING": 2}
    [queue] = seen["queues"]
    agents = queue.pop("agents")
    assert queue == {
        "name": mine.queue.name,
        "free": 1,
        "busy": 1,
        "wrap_up": 1,
        "paused": 1,
        "out": 1,
        "waiting": 3,
    }
    states = ["FREE", "BUSY", "WRAP_UP", "PAUSED", "SIGNED_OUT"]
    assert [(name, state) for name, state, _since in agents] == list(zip("01234", states, strict=True))
    assert sum(sum(minute.values()) for minute in seen["minutes"]) == 9, "an hour ago is not shown"
    # whatever came of an answered call counts; of the dialed ones, so the listed number is left out
    assert seen["rates"] == {"answer": 50.0, "amd": 25.0, "abandoned": 50.0}
    assert figures(viewer.get(URL, {"campaign": other.pk}))["calls"] == {}, "a guessed campaign"
    assert viewer.get("/wallboard/").status_code == 200


def test_a_viewer_who_has_the_newest_board_gets_no_event_and_asks_again(empty_valkey: str) -> None:
    campaign = make_campaign()
    publish(empty_valkey, board_of(campaign))
    viewer = signed_in(make_user(Role.CAMPAIGN_SUPERVISOR, [campaign.group]))
    first = viewer.get(URL).content.decode()
    [entry] = [line.removeprefix("id: ") for line in first.splitlines() if line.startswith("id: ")]
    again = viewer.get(URL, headers={"Last-Event-ID": entry}).content.decode()
    assert again == "retry: 1000\n\n"
    assert "data: " in viewer.get(URL, headers={"Last-Event-ID": "0-1"}).content.decode()


def test_old_news_and_a_broker_that_is_away_are_told(
    empty_valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign()
    viewer = signed_in(make_user(Role.CAMPAIGN_SUPERVISOR, [campaign.group]))
    publish(empty_valkey, board_of(campaign, at=time.time() - 60))
    assert "event: away" in viewer.get(URL).content.decode()
    monkeypatch.setattr(now, "reader", lambda: BoardReader("redis://127.0.0.1:1/0"))
    assert "event: away" in viewer.get(URL).content.decode()


def test_the_board_tells_since_when_an_agent_is_in_a_state() -> None:
    board = Board()

    def told(now: float, *states: AgentState) -> list[tuple[str, str, int]]:
        agents = tuple(Agent(str(n), f"Agent {n}", state) for n, state in enumerate(states))
        board.queue(7, QueueSnapshot("sales", "OSCC", "7000", agents, 0, 0, 0), now)
        agents_told: list[tuple[str, str, int]] = board.as_json(now, {})["queues"][7]["agents"]
        return agents_told

    told(100, AgentState.BUSY, AgentState.FREE)
    assert told(160, AgentState.WRAP_UP, AgentState.FREE, AgentState.FREE) == [
        ("Agent 0", "WRAP_UP", 160),
        ("Agent 1", "FREE", 100),
        ("Agent 2", "FREE", 160),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_new_leader_knows_which_calls_were_answered() -> None:
    campaign, now = make_campaign(), timezone.now()
    for result, answered_at in ((LeadStatus.FAILED, now), (LeadStatus.FAILED, None)):
        made = make_attempt(make_lead(campaign), state="DIALING")
        attempts.finish(made.pk, Outcome(result, now, answered_at=answered_at))
    minutes = recent_results(now)
    [counts] = minutes.answered[campaign.pk].values()
    assert (counts[ANSWERED], minutes.results[campaign.pk]) == (
        1,
        {int(now.timestamp() // 60): {LeadStatus.FAILED: 2}},
    )


def test_an_open_wallboard_keeps_no_session_alive(empty_valkey: str) -> None:
    campaign = make_campaign()
    publish(empty_valkey, board_of(campaign))
    viewer = signed_in(make_user(Role.CAMPAIGN_SUPERVISOR, [campaign.group]))
    put_clock_back(viewer, settings.SESSION_IDLE_MINUTES - 1)
    assert "data: " in viewer.get(URL).content.decode()
    put_clock_back(viewer, 2)
    assert viewer.get(URL).status_code == 302


def test_the_wallboard_ends_with_the_viewers_group(empty_valkey: str) -> None:
    campaign = make_campaign()
    publish(empty_valkey, board_of(campaign))
    viewer = signed_in(make_user(Role.CAMPAIGN_SUPERVISOR, [campaign.group]))
    assert "data: " in viewer.get(URL).content.decode()
    groups.update_group(None, campaign.group, enabled=False)
    assert viewer.get(URL).status_code == 302


def test_a_master_has_no_campaigns_and_no_wallboard() -> None:
    assert signed_in(make_user(Role.MASTER, [])).get(URL).status_code == 403


def test_a_broker_that_is_away_holds_nothing_up() -> None:
    writer = EventWriter("redis://127.0.0.1:1/0")
    began = time.monotonic()
    for number in range(5000):
        writer.put(ATTEMPTS, {"attempt": number})
    assert time.monotonic() - began < 1.0
