"""Queues as Asterisk's events tell them: members, callers who wait, callers who ring at somebody. No I/O.

An agent may be a member of several queues. Their device is one, so all its memberships count together: busy for one
queue is busy for all, and so is wrap-up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..base import Agent, AgentState, QueueSnapshot
from .clock import PbxClock
from .messages import Message
from .settings import AmiSettings

# Asterisk's device states. 0 is unknown: Asterisk has not yet heard of the device.
NOT_IN_USE: Final = 1
BUSY: Final = frozenset({2, 3, 6, 7, 8})  # in use, busy, ringing, ringing while in use, on hold

OVERTAKING_S: Final = 2.0
"""For so long after AgentComplete an older LastCall is one that was sent before it."""
NEVER: Final = float("-inf")


@dataclass(slots=True)
class Member:
    """One agent in one queue."""

    queue: str
    interface: str
    name: str
    device: str
    status: int
    paused: bool
    in_call: bool
    last_call: int
    own_wrap_up_s: float
    """Of the membership itself, before the queue's (Asterisk 16 and later); 0 is none."""
    last_call_seen: float = NEVER
    """When we heard of `last_call`."""
    talking: bool = False
    """Between AgentConnect and AgentComplete: the device's state and `in_call` may lag behind at both ends."""

    @classmethod
    def read(cls, message: Message) -> "Member":
        """From an event or an item of QueueStatus, which name the same things differently."""
        interface = message.get("Interface") or message.get("Location")
        return cls(
            queue=message.get("Queue"),
            interface=interface,
            name=message.get("MemberName") or message.get("Name") or interface,
            device=message.get("StateInterface") or interface,
            status=message.number("Status"),
            paused=message.get("Paused") == "1",
            in_call=message.get("InCall") == "1",
            last_call=message.number("LastCall"),
            own_wrap_up_s=message.number("Wrapuptime"),
        )


@dataclass(slots=True)
class Line:
    """One queue."""

    members: dict[str, Member] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """Callers, by the Uniqueid of their channel."""


class QueueBook:
    """All queues. `apply` takes an event, `replace` what QueueStatus lists."""

    def __init__(self, settings: AmiSettings, clock: PbxClock) -> None:
        self._settings = settings
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._offers: dict[str, set[str]] = {}  # caller -> interfaces that ring for them
        self.doubtful = False
        """An event did not fit what we knew: ask for everything anew."""

    # --- what comes in --------------------------------------------------------------------------------

    def replace(self, items: Iterable[Message], now: float) -> None:
        """Everything as listed. What the list can't tell (who rings for whom) is kept where it still fits."""
        before, self._lines = self._lines, {}
        for item in items:
            queue = item.get("Queue")
            match item.event:
                case "QueueParams":
                    self._lines.setdefault(queue, Line())
                case "QueueMember":
                    member = Member.read(item)
                    self._put(member, before.get(queue), now)
                    member.talking &= member.in_call or member.status != NOT_IN_USE
                case "QueueEntry":
                    self._lines.setdefault(queue, Line()).waiting.add(item.get("Uniqueid"))
        callers = {caller for line in self._lines.values() for caller in line.waiting}
        ringing = {m.interface for m in self._all() if m.status != NOT_IN_USE}
        self._offers = {c: offers & ringing for c, offers in self._offers.items() if c in callers}
        self.doubtful = False

    def apply(self, message: Message, now: float) -> bool:
        """Take an event in; whether it may change a snapshot."""
        match message.event:
            case (
                "QueueMemberStatus"
                | "QueueMemberPause"
                | "QueueMemberPaused"
                | "QueueMemberAdded"
                | "QueueMemberPenalty"
                | "QueueMemberRinginuse"
            ):
                line = self._known(message)
                self._put(Member.read(message), line, now)
            case "QueueMemberRemoved":
                self._known(message).members.pop(message.get("Interface") or message.get("Location"), None)
            case "QueueCallerJoin" | "QueueCallerLeave" | "QueueCallerAbandon":
                self._caller(message)
            case "AgentCalled" | "AgentConnect" | "AgentRingNoAnswer" | "AgentDump" | "AgentComplete":
                self._call(message, now)
            case _:
                return False
        return True

    def _known(self, message: Message) -> Line:
        queue = message.get("Queue")
        if queue not in self._lines:
            self.doubtful = True
        return self._lines.setdefault(queue, Line())

    def _put(self, member: Member, line: Line | None, now: float) -> None:
        """Our own marks of a membership go over to its newer report."""
        old = line.members.get(member.interface) if line else None
        self._lines.setdefault(member.queue, Line()).members[member.interface] = member
        member.last_call_seen = now
        if old is None:
            return
        overtaken = member.last_call < old.last_call and now - old.last_call_seen < OVERTAKING_S
        if overtaken:
            member.last_call = old.last_call
        if member.last_call == old.last_call:
            member.last_call_seen = old.last_call_seen
            member.talking = old.talking

    def _caller(self, message: Message) -> None:
        line, caller = self._known(message), message.get("Uniqueid")
        if message.event == "QueueCallerJoin":
            line.waiting.add(caller)
        else:
            line.waiting.discard(caller)
            self._offers.pop(caller, None)
        count = message.get("Count")  # Abandon has none, a Leave follows it
        if count.isdecimal() and int(count) != len(line.waiting):
            self.doubtful = True

    def _call(self, message: Message, now: float) -> None:
        caller, interface = message.get("Uniqueid"), message.get("Interface")
        member = self._known(message).members.get(interface)
        match message.event:
            case "AgentCalled":
                self._offers.setdefault(caller, set()).add(interface)
            case "AgentConnect":
                self._offers.pop(caller, None)
            case "AgentRingNoAnswer" | "AgentDump":
                self._offers.get(caller, set()).discard(interface)
        if member is None:
            return
        if message.event == "AgentConnect":
            member.talking = True
        elif message.event in {"AgentComplete", "AgentDump"}:
            member.talking = member.in_call = False
        if message.event == "AgentComplete":  # LastCall itself follows in a QueueMemberStatus
            member.last_call, member.last_call_seen = int(self._clock.epoch(now)), now

    # --- what goes out --------------------------------------------------------------------------------

    def queues(self, now: float) -> dict[str, QueueSnapshot]:
        """The queues of the settings, or all when they name none."""
        devices = self._devices()
        ringing = {interface for offers in self._offers.values() for interface in offers}
        states = {
            (member.queue, member.interface): self._state(member, devices[member.device], ringing, now)
            for member in self._all()
        }
        wanted = self._settings.queues
        return {
            name: QueueSnapshot(
                name=name,
                kind="OSCC",
                pilot_number=wanted[name].pilot_number if name in wanted else "",
                agents=tuple(
                    Agent(member.interface, member.name, states[name, member.interface])
                    for _, member in sorted(line.members.items())
                ),
                waiting_callers=sum(not self._offers.get(caller) for caller in line.waiting),
                channels_total=0,
                channels_busy=0,
            )
            for name, line in sorted(self._lines.items())
            if not wanted or name in wanted
        }

    def next_change(self, now: float) -> float | None:
        """When the next wrap-up ends."""
        ends = (self._wrap_up_end(member) for member in self._all())
        return min((end for end in ends if end > now), default=None)

    def _all(self) -> Iterable[Member]:
        for line in self._lines.values():
            yield from line.members.values()

    def _devices(self) -> Mapping[str, list[Member]]:
        devices: dict[str, list[Member]] = {}
        for member in self._all():
            devices.setdefault(member.device, []).append(member)
        return devices

    def _state(self, own: Member, everywhere: list[Member], ringing: set[str], now: float) -> AgentState:
        if any(m.status in BUSY or m.in_call or m.talking or m.interface in ringing for m in everywhere):
            return AgentState.BUSY
        if any(m.status != NOT_IN_USE for m in everywhere):
            return AgentState.SIGNED_OUT
        if own.paused:
            return AgentState.PAUSED
        if any(self._wrap_up_end(m) > now for m in everywhere):
            return AgentState.WRAP_UP
        return AgentState.FREE

    def _wrap_up_end(self, member: Member) -> float:
        """At the whole second that Asterisk compares with; never later than a wrap-up after we heard of the
        call's end, should the PBX's clock be set back."""
        wrap_up_s = member.own_wrap_up_s or self._settings.wrap_up(member.queue)
        if not member.last_call or not wrap_up_s:
            return NEVER
        return min(self._clock.monotonic(member.last_call + wrap_up_s), member.last_call_seen + wrap_up_s)
