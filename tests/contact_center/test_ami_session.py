"""One AMI session without a socket: agents' states, wrap-up to the moment, waiting callers, lists, IVR channels."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from telephony.contact_center import AgentState, QueueSnapshot
from telephony.contact_center.asterisk_ami.session import AmiError, AmiRefusedError, AmiSession
from telephony.contact_center.asterisk_ami.settings import AmiSettings
from tests.contact_center.ami_peer import (
    EPOCH,
    GREETING,
    SETTINGS,
    actions,
    call,
    caller,
    listing,
    member,
    message,
    status,
)
from tests.sip.test_sip_messages import SHARED

FREE, BUSY, WRAP_UP, PAUSED, OUT = AgentState
WRAP_SAMPLE = SHARED / "pbx-lab" / "samples" / "ev-wrap.log"


class Talk:
    """A session at `now` = 0 and the PBX's clock at EPOCH + 0; ours is wrong by an hour."""

    def __init__(self, *members: dict[str, object], epoch: float = EPOCH, **settings: Any) -> None:
        self.session = AmiSession(
            AmiSettings.read({**SETTINGS, "login": "plain", **settings}), 0.0, epoch - 3600
        )
        self.epoch = epoch
        self.now = 0.0
        self.queues: Mapping[str, QueueSnapshot] = {}
        self.sent: list[dict[str, str]] = []
        self.hear(GREETING + message(Response="Success", ActionID="login"))
        if members:
            self.answer(*members)

    def answer(self, *members: dict[str, object], waiting: tuple[tuple[str, str], ...] = ()) -> None:
        """Answers the newest Ping and the newest lists."""
        pong = message(Response="Success", ActionID="ping", Timestamp=f"{self.epoch + self.now:.6f}")
        asked = [action["ActionID"] for action in self.sent if action["Action"] == "QueueStatus"]
        self.hear(pong + listing(asked[-1], [*members], waiting))

    def hear(self, data: bytes, at: float | None = None) -> bool:
        """Whether there is a snapshot after it."""
        self.now = self.now if at is None else at
        self.session.receive(data, self.now)
        return self.pass_time(self.now)

    def pass_time(self, now: float) -> bool:
        self.now = now
        self.session.tick(now)
        queues = self.session.take_queues(now)
        self.queues = queues or self.queues
        self.session.wake_at(now)
        self.sent += actions(self.session.take_out())
        return queues is not None

    def states(self, queue: str = "sales") -> list[AgentState]:
        return [agent.state for agent in self.queues[queue].agents]


# Sign-in


def test_signing_in_asks_for_the_clock_and_the_lists_and_tells_nothing_before() -> None:
    talk = Talk()
    assert [action["Action"] for action in talk.sent] == ["Login", "Ping", "QueueStatus"]
    assert talk.sent[0]["Events"] == "system,agent"
    assert talk.queues == {}
    talk.answer(member("7101"), member("7102", status=5))
    queue = talk.queues["sales"]
    assert [(agent.id, agent.name, agent.state) for agent in queue.agents] == [
        ("PJSIP/7101", "Agent 7101", FREE),
        ("PJSIP/7102", "Agent 7102", OUT),
    ]
    assert (queue.free, queue.kind, queue.pilot_number, queue.waiting_callers) == (1, "OSCC", "", 0)


def test_the_password_goes_as_a_digest_unless_told_otherwise() -> None:
    session = AmiSession(AmiSettings.read(SETTINGS), 0.0, 0.0)
    session.receive(GREETING + message(Response="Success", ActionID="challenge", Challenge="1234"), 0.0)
    sent = session.take_out()
    assert [action["Action"] for action in actions(sent)] == ["Challenge", "Login"]
    assert b"pass-word" not in sent
    assert "pass-word" not in repr(AmiSettings.read(SETTINGS))
    with pytest.raises(AmiRefusedError, match='set "login" to "plain"'):
        session.receive(message(Response="Error", ActionID="challenge"), 0.0)


def test_refusals_and_silence_are_told_in_a_sentence() -> None:
    session = AmiSession(AmiSettings.read({**SETTINGS, "login": "plain"}), 0.0, 0.0)
    with pytest.raises(AmiRefusedError, match="refuses the user name or the password"):
        session.receive(GREETING + message(Response="Error", ActionID="login", Message="failed"), 0.0)
    with pytest.raises(AmiError, match="did not answer the sign-in within 5 s"):
        session.tick(5.1)
    talk = Talk()
    with pytest.raises(AmiRefusedError, match=r"does not list its queues .*Permission denied"):
        talk.hear(message(Response="Error", ActionID="list-1", Message="Permission denied"))
    booting = "Invalid/unknown command: QueueStatus. Use Action: ListCommands to show available commands."
    with pytest.raises(AmiError, match="it is starting") as starting:
        Talk().hear(message(Response="Error", ActionID="list-1", Message=booting))
    assert not isinstance(starting.value, AmiRefusedError)  # which would wait for long
    talk = Talk()
    with pytest.raises(AmiError, match="did not list its queues"):
        talk.pass_time(10.1)


# Agents


@pytest.mark.parametrize(
    ("value", "state"), [(0, OUT), (1, FREE), (2, BUSY), (3, BUSY), (4, OUT), (5, OUT), (6, BUSY), (7, BUSY), (8, BUSY)]
)  # fmt: skip
def test_device_states(value: int, state: AgentState) -> None:
    talk = Talk(member("7101", status=4 if value == 1 else 1))
    assert talk.hear(status("7101", value))
    assert talk.states() == [state]


def test_pause_log_in_and_log_out() -> None:
    talk = Talk(member("7101"))
    pause = message(Event="QueueMemberPause", **member("7101", Paused=1))
    assert talk.hear(pause)
    assert talk.states() == [PAUSED]
    talk.hear(message(Event="QueueMemberAdded", **member("7102")))
    assert talk.states() == [PAUSED, FREE]
    talk.hear(message(Event="QueueMemberRemoved", **member("7101")))
    assert talk.states() == [FREE]
    assert not talk.hear(message(Event="VarSet", Queue="sales", Value="x"))


def test_wrap_up_ends_exactly_when_asterisk_thinks_so() -> None:
    """LastCall is in whole seconds: a call that ended at .7 has 2.3 s of a wrap-up of 3 left."""
    talk = Talk(member("7101"))
    talk.hear(status("7101", 2), at=5.0)
    talk.hear(call("AgentConnect", "a", "7101"))
    talk.hear(call("AgentComplete", "a", "7101"), at=11.700)
    assert talk.states() == [BUSY]  # the device is not yet idle
    talk.hear(status("7101", 1, LastCall=int(EPOCH) + 11), at=11.702)
    assert talk.states() == [WRAP_UP]
    assert talk.queues["sales"].free == 0
    assert talk.session.wake_at(11.702) == pytest.approx(12.70, abs=0.01)  # a ping
    assert not talk.pass_time(13.9) or talk.states() == [WRAP_UP]
    assert talk.session.wake_at(13.9) == pytest.approx(14.0, abs=1e-6)
    assert not talk.pass_time(13.999)
    assert talk.pass_time(14.0)
    assert talk.states() == [FREE]


def test_a_membership_and_a_queue_can_have_wrap_ups_of_their_own() -> None:
    queues = {"sales": {"pilot": "7000", "wrapup_s": 10}, "support": "7100"}
    ended = int(EPOCH) - 4
    talk = Talk(
        member("1", LastCall=ended),
        member("2", LastCall=ended, Wrapuptime=2),
        member("3", LastCall=ended, queue="support"),
        member("4", LastCall=0),
        queues=queues,
    )
    assert talk.states() == [WRAP_UP, FREE, FREE]
    assert talk.states("support") == [FREE]
    assert [queue.pilot_number for queue in talk.queues.values()] == ["7000", "7100"]


def test_a_pbx_whose_clock_goes_back_keeps_nobody_in_wrap_up_for_longer_than_it_lasts() -> None:
    talk = Talk(member("7101"))
    talk.hear(status("7101", 1, LastCall=int(EPOCH) + 5000), at=10.0)
    assert talk.states() == [WRAP_UP]
    talk.pass_time(13.0)
    assert talk.states() == [FREE]


def test_nobody_is_free_between_the_end_of_a_call_and_its_last_call() -> None:
    """The device may be idle before AgentComplete, and both before LastCall."""
    talk = Talk(member("7101"))
    talk.hear(call("AgentConnect", "a", "7101") + status("7101", 2), at=1.0)
    talk.hear(status("7101", 1), at=9.000)
    assert talk.states() == [BUSY]
    talk.hear(call("AgentComplete", "a", "7101"), at=9.001)
    assert talk.states() == [WRAP_UP]
    talk.hear(status("7101", 1), at=9.002)  # an older report overtaken by AgentComplete
    assert talk.states() == [WRAP_UP]
    talk.hear(status("7101", 1, LastCall=int(EPOCH) + 9), at=9.003)
    assert talk.states() == [WRAP_UP]
    talk.pass_time(12.0)
    assert talk.states() == [FREE]


def test_an_agent_of_two_queues_is_one_person() -> None:
    both = [member("7101"), member("7101", queue="support"), member("7102", queue="support")]
    talk = Talk(*both)
    talk.hear(status("7101", 6))  # the report for the other queue is still under way
    assert (talk.states("sales"), talk.states("support")) == ([BUSY], [BUSY, FREE])
    talk.hear(status("7101", 6, queue="support"))
    talk.hear(call("AgentConnect", "a", "7101"), at=2.0)
    talk.hear(status("7101", 1, queue="support"), at=8.0)
    assert talk.states("support") == [BUSY, FREE]
    talk.hear(call("AgentComplete", "a", "7101"), at=8.1)
    talk.hear(status("7101", 1, LastCall=int(EPOCH) + 8), at=8.1)
    assert (talk.states("sales"), talk.states("support")) == ([WRAP_UP], [WRAP_UP, FREE])
    talk.pass_time(11.0)
    assert (talk.states("sales"), talk.states("support")) == ([FREE], [FREE, FREE])
    talk.hear(message(Event="QueueMemberPause", **member("7101", Paused=1, LastCall=int(EPOCH) + 8)))
    assert (talk.states("sales"), talk.states("support")) == ([PAUSED], [FREE, FREE])


# Callers


def test_callers_wait_until_somebody_rings_for_them() -> None:
    talk = Talk(member("7101", status=2), member("7102", status=2))
    talk.hear(caller("QueueCallerJoin", "a", 1) + caller("QueueCallerJoin", "b", 2))
    assert talk.queues["sales"].waiting_callers == 2
    talk.hear(status("7101", 1))
    assert (talk.queues["sales"].waiting_callers, talk.queues["sales"].free) == (2, 1)
    talk.hear(call("AgentCalled", "a", "7101"))  # before the device says that it rings
    assert (talk.queues["sales"].waiting_callers, talk.queues["sales"].free) == (1, 0)
    talk.hear(status("7101", 6))
    talk.hear(call("AgentRingNoAnswer", "a", "7101") + status("7101", 1))
    assert (talk.queues["sales"].waiting_callers, talk.queues["sales"].free) == (2, 1)
    talk.hear(call("AgentCalled", "b", "7101") + status("7101", 6))
    talk.hear(caller("QueueCallerLeave", "b", 1) + call("AgentConnect", "b", "7101"))
    talk.hear(message(Event="QueueCallerAbandon", Queue="sales", Uniqueid="a"))
    talk.hear(caller("QueueCallerLeave", "a", 0))
    assert (talk.queues["sales"].waiting_callers, talk.states()) == (0, [BUSY, BUSY])


def test_callers_who_are_there_at_sign_in_are_counted() -> None:
    talk = Talk()
    talk.answer(member("7101"), waiting=(("sales", "a"), ("sales", "b"), ("empty", "c")))
    assert [queue.waiting_callers for queue in talk.queues.values()] == [1, 2]
    assert talk.queues["sales"].free == 1


# Lists


def test_events_that_come_while_the_lists_are_under_way_are_not_lost() -> None:
    talk = Talk()
    reply = listing("list-1", [member("7101"), member("7102")])
    first, rest = reply.split(b"\r\n\r\n", 1)
    talk.hear(first + b"\r\n\r\n" + status("7102", 6) + rest)
    assert talk.states() == [FREE, BUSY]


def test_the_lists_come_again_at_a_steady_pace_and_repair_what_was_lost() -> None:
    talk = Talk(member("7101"))
    talk.hear(call("AgentConnect", "a", "7101"))
    assert talk.states() == [BUSY]
    talk.pass_time(29.9)
    assert len([a for a in talk.sent if a["Action"] == "QueueStatus"]) == 1
    talk.pass_time(30.1)
    talk.answer(member("7101"), member("7102"))
    assert talk.states() == [FREE, FREE]


@pytest.mark.parametrize(
    "doubtful",
    [
        message(Event="Reload", Module="app_queue"),
        message(Event="FullyBooted"),
        caller("QueueCallerJoin", "a", 3),
        status("7101", 1, queue="new"),
    ],
)
def test_what_does_not_fit_asks_for_the_lists_anew(doubtful: bytes) -> None:
    talk = Talk(member("7101"))
    talk.hear(doubtful, at=0.5)
    talk.pass_time(0.9)
    assert len([a for a in talk.sent if a["Action"] == "QueueStatus"]) == 1  # at most one a second
    talk.pass_time(1.1)
    assert len([a for a in talk.sent if a["Action"] == "QueueStatus"]) == 2
    talk.answer(member("7101"))
    talk.pass_time(5.0)
    assert len([a for a in talk.sent if a["Action"] == "QueueStatus"]) == 2


def test_pings_go_out_each_second_and_set_the_clock() -> None:
    talk = Talk(member("7101", LastCall=int(EPOCH) + 2), wrapup_s=2)
    for now in (1.0, 1.5, 2.0, 3.0):
        talk.pass_time(now)
    assert len([a for a in talk.sent if a["Action"] == "Ping"]) == 4
    talk.hear(message(Response="Success", ActionID="ping", Timestamp="inf"))
    talk.hear(message(Response="Success", ActionID="ping", Timestamp="nonsense"))


# IVR


def channel(event: str, uniqueid: str, exten: str = "8000", context: str = "ivr", **more: object) -> bytes:
    return message(Event=event, Uniqueid=uniqueid, Context=context, Exten=exten, **more)


def list_channels(talk: Talk, *channels: tuple[str, str, str]) -> None:
    action_id = [a["ActionID"] for a in talk.sent if a["Action"] == "CoreShowChannels"][-1]
    data = message(Response="Success", ActionID=action_id, EventList="start")
    for uniqueid, context, exten in channels:
        data += channel("CoreShowChannel", uniqueid, exten, context, ActionID=action_id)
    talk.hear(data + message(Event="CoreShowChannelsComplete", ActionID=action_id))


def test_channels_of_an_ivr_are_counted_from_entry_to_hangup() -> None:
    ivr = {"pilot": "8000", "channels": 3, "context": "ivr", "extension": "80"}
    talk = Talk(member("7101"), ivrs={"menu": ivr})
    assert talk.sent[0]["Events"] == "system,agent,call,dialplan,user"
    assert talk.queues == {}  # the channels are not known yet
    list_channels(talk, ("a", "ivr", "8000"), ("b", "ivr", "9"), ("c", "other", "8000"))
    menu = talk.queues["menu"]
    assert (menu.kind, menu.pilot_number, menu.channels_busy, menu.free) == ("IVR", "8000", 1, 2)
    talk.hear(channel("Newexten", "b") + channel("Newexten", "b", "t"))
    assert talk.queues["menu"].channels_busy == 2  # a menu goes to other extensions of its context
    assert not talk.hear(channel("Newexten", "b", "1"))
    talk.hear(channel("Newexten", "a", "7000", "sales"))
    assert talk.queues["menu"].channels_busy == 1
    talk.hear(channel("Hangup", "b"))
    assert talk.queues["menu"].free == 3
    talk.hear(channel("Newexten", "d") + channel("QueueCallerJoin", "d", Queue="sales", Count=1))
    assert talk.queues["menu"].free == 3


def test_channels_can_say_by_themselves_that_they_are_in_an_ivr() -> None:
    talk = Talk(member("7101"), ivrs={"menu": {"pilot": "8000", "channels": 3, "user_event": "IvrChannels"}})
    list_channels(talk)
    talk.hear(channel("UserEvent", "a", UserEvent="IvrChannels", InUse=1))
    talk.hear(channel("UserEvent", "b", UserEvent="Other"))
    assert talk.queues["menu"].channels_busy == 1
    talk.hear(channel("Newexten", "a", "1", "elsewhere"))
    assert talk.queues["menu"].channels_busy == 1
    talk.hear(channel("Hangup", "a"))
    assert talk.queues["menu"].channels_busy == 0


def test_a_fixed_number_of_channels_asks_nothing_of_the_pbx() -> None:
    talk = Talk(member("7101"), ivrs={"menu": {"pilot": "8000", "channels": 3}})
    assert [a["Action"] for a in talk.sent] == ["Login", "Ping", "QueueStatus"]
    assert (talk.queues["menu"].free, talk.queues["menu"].channels_busy) == (3, 0)


# A recorded Asterisk


@pytest.mark.skipif(not WRAP_SAMPLE.exists(), reason="the recordings are not at hand")
def test_a_recorded_asterisk_calls_nobody_whom_we_think_in_wrap_up() -> None:
    """Three calls for one agent; Asterisk rang them again 0.29 s after our FREE, within its retry of a second."""
    recorded = [line.split("\t", 1) for line in WRAP_SAMPLE.read_text().splitlines()]
    talk = Talk(*(member(str(7101 + n), status=4 if n else 1) for n in range(4)), epoch=1795392962.0493)
    told: list[tuple[float, AgentState]] = [(0.0, talk.states()[0])]

    def note(is_told: bool) -> None:
        if is_told and talk.states()[0] is not told[-1][1]:
            told.append((round(talk.now, 2), talk.states()[0]))

    for at, text in recorded:
        if not re.search(r"Event: (Queue(Member|Caller)|Agent)[A-Z]", text):
            continue
        while (wake_at := talk.session.wake_at(talk.now)) < float(at):
            note(talk.pass_time(wake_at))
        note(talk.hear(text.replace(" | ", "\r\n").encode() + b"\r\n\r\n", at=float(at)))
    assert told == [
        (0.0, FREE),
        (3.24, BUSY),
        (9.65, WRAP_UP),
        (11.95, FREE),
        (12.24, BUSY),
        (18.65, WRAP_UP),
    ]
