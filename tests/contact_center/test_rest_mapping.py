"""Answers of a JSON endpoint: paths, state words, our own contract, and what does not fit."""

import json
from typing import Any

import pytest

from telephony.contact_center import AgentState, QueueSnapshot
from telephony.contact_center.rest.mapping import AnswerError, queues_of
from telephony.contact_center.rest.paths import Found, Path
from telephony.contact_center.rest.settings import RestSettings

URL = {"url": "https://cc.example/agents"}
ANSWER: dict[str, Any] = {
    "queues": [
        {
            "name": "sales",
            "pilot_number": "7000",
            "waiting_callers": 2,
            "agents": [
                {"id": "2", "name": "Bob", "state": "wrap_up"},
                {"id": 1, "name": "Ann", "state": "FREE"},
            ],
        },
        {"name": "menu", "pilot_number": 8000, "channels_total": 10, "channels_busy": 4},
    ]
}


def queues(answer: Any, **settings: Any) -> dict[str, QueueSnapshot]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return queues_of(body, RestSettings.read({**URL, **settings}))


# Paths


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("", [{"a": [{"b": 1}, {"b": 2}], "c": {"x": {"b": 3}, "y": {}}}]),
        ("$", [{"a": [{"b": 1}, {"b": 2}], "c": {"x": {"b": 3}, "y": {}}}]),
        ("a[*].b", [1, 2]),
        ("$.a.*.b", [1, 2]),
        ("a[1].b", [2]),
        ("a.1.b", [2]),
        ("a[7].b", []),
        ("c.*.b", [3]),
        ("c.*.@key", ["x", "y"]),
        ("a[*].@key", ["0", "1"]),
        ("c.x.b", [3]),
        ("c.x.b.deeper", []),
        ("nothing", []),
    ],
)
def test_paths_lead_to_values(path: str, values: list[Any]) -> None:
    root = {"a": [{"b": 1}, {"b": 2}], "c": {"x": {"b": 3}, "y": {}}}
    assert [found.value for found in Path.parse(path).all(Found(root, ""))] == values


@pytest.mark.parametrize("path", ["a..b", "a[", "a[x]", "@key.a", "a[-1]", "**", "a.[*]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        Path.parse(path)


# Queues


def test_our_own_contract_needs_no_paths() -> None:
    found = queues(ANSWER)
    sales, menu = found["sales"], found["menu"]
    assert (sales.kind, sales.pilot_number, sales.waiting_callers) == ("OSCC", "7000", 2)
    assert [(a.id, a.name, a.state) for a in sales.agents] == [
        ("1", "Ann", AgentState.FREE),
        ("2", "Bob", AgentState.WRAP_UP),
    ]
    assert (menu.kind, menu.pilot_number, menu.channels_total, menu.free) == ("IVR", "8000", 10, 6)


def test_another_shape_is_a_matter_of_paths_and_a_table_of_words() -> None:
    answer = {
        "data": {
            "groups": {
                "sales": {
                    "stats": {"inQueue": 1},
                    "members": {
                        "u1": {"user": {"full": "Ann"}, "presence": [{"code": "Ready"}]},
                        "u2": {"user": {}, "presence": [{"code": 17}]},
                        "u3": {"user": {"full": "Eve"}, "presence": [{"code": True}]},
                    },
                }
            }
        }
    }
    paths = {
        "queues": "data.groups.*",
        "name": "@key",
        "waiting": "stats.inQueue",
        "agents": "members.*",
        "agent_id": "@key",
        "agent_name": "user.full",
        "agent_state": "presence[0].code",
    }
    states = {"READY": "free", "17": "PAUSED", "true": "BUSY"}
    (queue,) = queues(answer, paths=paths, states=states, pilots={"sales": "7000"}).values()
    assert (queue.name, queue.pilot_number, queue.waiting_callers) == ("sales", "7000", 1)
    assert [(a.id, a.name, a.state.value) for a in queue.agents] == [
        ("u1", "Ann", "FREE"),
        ("u2", "u2", "PAUSED"),
        ("u3", "Eve", "BUSY"),
    ]


@pytest.mark.parametrize("state", AgentState)
@pytest.mark.parametrize("write", [str.upper, str.lower, str.title])
def test_our_own_words_for_states_need_no_table(state: AgentState, write: Any) -> None:
    answer = {"queues": [{"name": "q", "agents": [{"id": "1", "state": write(state.value)}]}]}
    assert queues(answer)["q"].agents[0].state is state


def test_an_unknown_word_is_nobody_who_gets_a_call() -> None:
    answer = {"queues": [{"name": "q", "agents": [{"id": "1", "state": "dancing"}]}]}
    assert queues(answer)["q"].agents[0].state is AgentState.SIGNED_OUT


def test_empty_lists_are_fine_and_a_kind_can_be_told() -> None:
    assert queues({"queues": []}) == {}
    empty = queues({"queues": [{"name": "q", "agents": []}]})["q"]
    assert (empty.agents, empty.kind, empty.free) == ((), "OSCC", 0)
    both = {"name": "q", "kind": "OSCC", "agents": [], "channels_total": 4, "channels_busy": 1}
    assert queues({"queues": [both]})["q"].channels_total == 0
    assert queues({"queues": [{**both, "kind": "ivr"}]})["q"].free == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html>", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        ({}, "has no queues at 'queues.*'"),
        ([], "has no queues at"),
        ({"queues": "none"}, "has no queues at"),
        ({"queues": [{"agents": []}]}, "has a queue without a name at 'name'"),
        ({"queues": [{"name": "q"}]}, "has no agents of 'q' at 'agents.*'"),
        ({"queues": [{"name": "q", "agents": [{"state": "FREE"}]}]}, "has an agent of 'q' without an id"),
        ({"queues": [{"name": "q", "agents": [{"id": "1"}]}]}, "tells no state of the agent '1' at 'state'"),
        ({"queues": [{"name": "q", "agents": [7]}]}, "has an agent of 'q' without an id"),
        ({"queues": [{"name": "q", "agents": [], "waiting_callers": "many"}]}, "'many' instead of a count"),
        ({"queues": [{"name": "q", "agents": [], "waiting_callers": -1}]}, "-1 instead of a count"),
        ({"queues": [{"name": "q", "kind": "IVR"}]}, "tells no channels of the IVR 'q'"),
        ({"queues": [{"name": "q", "agents": []}] * 2}, "has the queue 'q' twice"),
    ],
)
def test_what_does_not_fit_is_named(answer: Any, words: str) -> None:
    with pytest.raises(AnswerError) as refusal:
        queues(answer)
    assert words in str(refusal.value)
