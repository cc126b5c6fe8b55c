"""Progressive pacing (SPEC 1, invariant I5): how many leads of which campaign to call now.

Events and `now` in, `{campaign: calls}` out; no clock, no I/O, no Django, so that a simulator can replay it.
Times are seconds of any one clock; queues, campaigns and attempts are named by their ids.

For each queue, calls in flight <= free agents - callers already waiting, and so for any queues together, whose agents
may be the same people (`dialing.shared_agents`). An agent is reserved from the plan on
(the claim that follows it takes some milliseconds), until the contact centre reports somebody of the queue
busy for the call, or the attempt ends. After a transfer the attempt may end before the contact centre's event
shows the agent busy: such a reservation settles with the next pick-up of the queue, or after `settle` seconds.

Campaigns on one queue share its agents by weight, and queues that want the same ports share these by the weights of
their campaigns that have leads (`dialing.fair_share`). What one has no lead for goes to the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dialing.fair_share import Turns
from dialing.rate import Rate
from dialing.shared_agents import SharedAgents

STALE_AFTER = 5.0
"""Seconds without a word from the contact centre after which a queue counts as without free agents."""
SETTLE = 5.0
"""Seconds that an agent stays reserved after a transfer of which no pick-up was seen."""
REORDERING = 0.1
"""Seconds by which a pick-up may seem to precede its transfer: the two events come by different ways."""
VANISHED = 0.5
"""Seconds for which agents must be too few before calls are recalled: the news of an answer may be on its way."""
RECALL_AGAIN = 1.0
"""Seconds after which a recalled call that still goes on is named again."""
DRY = 1.0
"""Seconds for which a campaign that had fewer due leads than asked for is left alone."""


@dataclass(frozen=True)
class Supply:
    """What a contact centre reports of one queue: agents by name, or the numbered channels of an IVR."""

    free: frozenset[str]
    busy: frozenset[str]
    waiting: int = 0
    center: int | None = None
    """The contact centre in whose queues a name is one and the same agent; None: it is one in this queue alone."""

    @classmethod
    def of_channels(cls, total: int, busy: int, waiting: int = 0) -> "Supply":
        """Channels taken from the first on, so that one call more is one channel that went from free to busy."""
        names = [f"channel {number}" for number in range(max(total, busy))]
        return cls(free=frozenset(names[busy:]), busy=frozenset(names[:busy]), waiting=waiting)


@dataclass(frozen=True)
class Demand:
    """A campaign that may dial now, and its share of a queue that several campaigns use."""

    queue: int
    weight: int = 1
    """1 to 100: twice the weight, twice the calls, as long as both have leads."""


@dataclass
class _Reservation:
    queue: int
    since: float
    transferred_at: float | None = None
    ended_at: float | None = None
    answered: bool = False
    recalled_at: float = float("-inf")
    served: bool = False
    """Somebody is busy with the call: it holds its port until the attempt ends, but no free agent any more."""


@dataclass
class _Line:
    """One queue: the last report, and pick-ups that no transfer is known for yet."""

    supply: Supply = field(default_factory=lambda: Supply(frozenset(), frozenset()))
    reported_at: float = float("-inf")
    pickups: list[float] = field(default_factory=list)
    short_since: float | None = None
    """Since when there are more calls than agents for them."""
    turns: Turns = field(default_factory=Turns)
    weight: int = 1
    """Of its campaigns that had leads at the last plan."""


class Pacer:
    """State of all queues, campaigns, ports and reservations of one dialer."""

    def __init__(self, *, stale_after: float = STALE_AFTER, settle: float = SETTLE) -> None:
        self.stale_after = stale_after
        self.settle = settle
        self._lines: dict[int, _Line] = {}
        self._demands: dict[int, Demand] = {}
        self._reservations: dict[int, _Reservation] = {}
        self._planned: dict[int, int] = {}  # campaign -> calls planned, claim not yet done
        self._planned_on: dict[int, int] = {}  # queue -> the same
        self._dry_until: dict[int, float] = {}
        self._turns = Turns()  # between queues, for the ports
        self._ports = 0
        self._rate = Rate()
        self._held_up = False
        self._ended: dict[
            int, float
        ] = {}  # attempts whose end was heard of lately, perhaps before their claim

    # --- what the contact centres say ---------------------------------------------------------------

    def queue_reported(self, queue: int, supply: Supply, now: float) -> bool:
        """A new snapshot of `queue`; agents that went from free to busy took a call. True: an agent became free."""
        line = self._lines.setdefault(queue, _Line())
        taken = len(line.supply.free & supply.busy)
        freed = bool(supply.free & line.supply.busy)
        line.supply, line.reported_at = supply, now
        line.pickups.extend([now] * taken)
        self._match(queue, now)
        return freed

    def still_there(self, queues: Iterable[int], now: float) -> None:
        """The contact centre gave a sign of life; the queues' last snapshots still hold."""
        for queue in queues:
            if queue in self._lines:
                self._lines[queue].reported_at = now

    def queue_lost(self, queue: int) -> None:
        """The contact centre is out of reach: nobody is free until the next snapshot."""
        if queue in self._lines:
            self._lines[queue].reported_at = float("-inf")

    # --- what the campaigns and ports are -------------------------------------------------------------

    def campaigns(self, demands: Mapping[int, Demand]) -> None:
        """The campaigns that may dial now; those left out get no calls."""
        self._demands = dict(demands)

    @property
    def demands(self) -> Mapping[int, Demand]:
        return self._demands

    def leads_came(self, campaign: int) -> None:
        """Leads of the campaign became due: ask it again."""
        self._dry_until.pop(campaign, None)

    def ports(self, total: int, *, per_second: float | None = None) -> None:
        """Calls that the registered ports over all workers can carry, those that go on included; and how many new
        ones a second (None: no limit)."""
        self._ports = total
        self._rate.per_second = per_second

    # --- what became of the calls ---------------------------------------------------------------------

    def claimed(self, campaign: int, queue: int, asked: int, attempts: Iterable[int], now: float) -> None:
        """The claim that followed a plan is done: `attempts` of the `asked` calls are under way."""
        for counts, key in ((self._planned, campaign), (self._planned_on, queue)):
            counts[key] = max(0, counts.get(key, 0) - asked)
        got = 0
        for attempt in attempts:
            self.reserve(attempt, queue, now)
            got += 1
        if got < asked:
            self._dry_until[campaign] = now + DRY
            self._give_back(campaign, queue, asked - got)

    def reserve(self, attempt: int, queue: int, now: float) -> None:
        """An open attempt: of a claim, or found at start."""
        if attempt not in self._ended:
            self._reservations.setdefault(attempt, _Reservation(queue, now))

    def answered(self, attempt: int) -> None:
        """Somebody answered: the call is carried through, whether or not an agent is left."""
        if reservation := self._reservations.get(attempt):
            reservation.answered = True

    def transferring(self, attempt: int, at: float, now: float) -> None:
        """The REFER of the attempt left at `at`; the next pick-up of its queue is for it."""
        reservation = self._reservations.get(attempt)
        if reservation and reservation.transferred_at is None:
            reservation.transferred_at = at
            self._match(reservation.queue, now)

    def ended(self, attempt: int, *, transferred: bool, now: float) -> None:
        """The attempt ended or was withdrawn; a transferred one may still wait for its pick-up to be seen."""
        reservation = self._reservations.get(attempt)
        self._ended.setdefault(attempt, now)
        if reservation is None:
            return
        if not transferred or reservation.served:
            del self._reservations[attempt]
        elif reservation.ended_at is None:
            reservation.ended_at = now
            reservation.transferred_at = reservation.transferred_at or now
            self._match(reservation.queue, now)

    def open_attempts(self, before: float) -> set[int]:
        """Attempts reserved before `before` whose end is not known."""
        return {
            attempt
            for attempt, reservation in self._reservations.items()
            if reservation.ended_at is None and reservation.since < before
        }

    @property
    def reservations(self) -> int:
        """Agents that are reserved: attempts under way, and transfers whose pick-up is not seen yet."""
        return len(self._reservations)

    def knows(self, attempt: int) -> bool:
        return attempt in self._reservations

    # --- the answer -----------------------------------------------------------------------------------

    def plan(self, now: float) -> dict[int, int]:
        """Calls to place now, per campaign; they count as in flight until `claimed` says what came of them."""
        self._expire(now)
        eager = self._eager(now)
        room = {queue: self.room(queue, now) for queue in eager}
        self._turns.wanting([queue for queue in eager if room[queue] > 0])
        plan: dict[int, int] = {}
        self._held_up = False
        shared, ports = self._shared_agents(now), self.free_ports()
        while ports > 0 and (ready := [queue for queue in eager if room[queue] > 0]):
            queue = self._turns.first(ready)
            if not shared.place(queue):
                room[queue] = 0
                continue
            if not self._rate.take(now):
                self._held_up = True
                break
            ports -= 1
            line = self._lines[queue]
            campaign = line.turns.first(eager[queue])
            line.turns.take(campaign, eager[queue][campaign])
            self._turns.take(queue, line.weight)
            plan[campaign] = plan.get(campaign, 0) + 1
            room[queue] -= 1
        for campaign, calls in plan.items():
            queue = self._demands[campaign].queue
            self._planned[campaign] = self._planned.get(campaign, 0) + calls
            self._planned_on[queue] = self._planned_on.get(queue, 0) + calls
        return plan

    def held_up(self, now: float) -> float | None:
        """Seconds until the carriers take the next call, when only that kept the last plan from more."""
        return self._rate.wait(now) if self._held_up else None

    def _eager(self, now: float) -> dict[int, dict[int, int]]:
        """Weights of the campaigns that may have due leads, by queue."""
        eager: dict[int, dict[int, int]] = {}
        for campaign, demand in self._demands.items():
            if self._dry_until.get(campaign, float("-inf")) <= now:
                eager.setdefault(demand.queue, {})[campaign] = demand.weight
        for queue in self._lines.keys() | eager.keys():
            line = self._lines.setdefault(queue, _Line())
            line.turns.wanting(eager.get(queue, {}))
            line.weight = sum(eager.get(queue, {}).values()) or line.weight
        return eager

    def _give_back(self, campaign: int, queue: int, calls: int) -> None:
        demand = self._demands.get(campaign)
        if demand is not None and demand.queue == queue and queue in self._lines:
            line = self._lines[queue]
            line.turns.give_back(campaign, demand.weight, calls)
            self._turns.give_back(queue, line.weight, calls)

    def unattended(self, now: float) -> list[int]:
        """Calls to cancel, since agents have gone while they rang: the youngest of those that nobody has answered."""
        return [attempt for queue in self._lines for attempt in self._unattended_on(queue, now)]

    def _unattended_on(self, queue: int, now: float) -> list[int]:
        line = self._lines[queue]
        coming = [
            (reservation.since, attempt)
            for attempt, reservation in self._reservations.items()
            if reservation.queue == queue and reservation.transferred_at is None and not reservation.served
        ]
        passed_on = self.in_flight(queue) - self._planned_on.get(queue, 0) - len(coming)
        taken = sum(
            now - pickup <= VANISHED for pickup in line.pickups
        )  # their transfer is yet to be heard of
        short = len(coming) + max(line.supply.waiting, passed_on) - len(line.supply.free) - taken
        if short <= 0 or now - line.reported_at > self.stale_after:
            line.short_since = None
            return []
        line.short_since = now if line.short_since is None else line.short_since
        if now - line.short_since < VANISHED:
            return []
        ringing = [attempt for _since, attempt in sorted(coming) if not self._reservations[attempt].answered]
        recalled = []
        for attempt in ringing[::-1][:short]:
            reservation = self._reservations[attempt]
            if now - reservation.recalled_at >= RECALL_AGAIN:
                reservation.recalled_at = now
                recalled.append(attempt)
        return recalled

    def room(self, queue: int, now: float) -> int:
        """Calls that the queue has agents for: free - waiting - in flight; 0 or less means none."""
        line = self._lines.get(queue)
        if line is None or now - line.reported_at > self.stale_after:
            return 0
        return len(line.supply.free) - line.supply.waiting - self.in_flight(queue)

    def _shared_agents(self, now: float) -> SharedAgents:
        """The free agents of all queues, with the calls in flight and the callers already waiting placed on them."""
        queues_of: dict[tuple[str, int, str], set[int]] = {}
        calls = {}
        for queue, line in self._lines.items():
            supply = line.supply
            calls[queue] = supply.waiting + self.in_flight(queue)
            if now - line.reported_at > self.stale_after:
                continue
            within = ("queue", queue) if supply.center is None else ("center", supply.center)
            for agent in supply.free:
                queues_of.setdefault((*within, agent), set()).add(queue)
        return SharedAgents.of_calls(map(frozenset, queues_of.values()), calls)

    def in_flight(self, queue: int) -> int:
        """Reservations of the queue: planned, in a call, or transferred and not yet seen picked up."""
        held = sum(r.queue == queue and not r.served for r in self._reservations.values())
        return held + self._planned_on.get(queue, 0)

    def free_ports(self) -> int:
        used = sum(reservation.ended_at is None for reservation in self._reservations.values())
        return self._ports - used - sum(self._planned.values())

    def _match(self, queue: int, now: float) -> None:
        """Gives pick-ups to transfers, oldest first: the agent is busy now, the reservation has served."""
        line = self._lines.setdefault(queue, _Line())
        waiting = sorted(
            (reservation.transferred_at, attempt)
            for attempt, reservation in self._reservations.items()
            if reservation.queue == queue
            and not reservation.served
            and reservation.transferred_at is not None
        )
        for transferred_at, attempt in waiting:
            seen = next((p for p in line.pickups if p >= transferred_at - REORDERING), None)
            if seen is None:
                continue
            line.pickups.remove(seen)
            self._serve(attempt)
        line.pickups = [pickup for pickup in line.pickups if now - pickup <= self.settle]

    def _serve(self, attempt: int) -> None:
        reservation = self._reservations[attempt]
        if reservation.ended_at is not None:
            del self._reservations[attempt]
        else:
            reservation.served = True

    def _expire(self, now: float) -> None:
        over = [
            attempt
            for attempt, reservation in self._reservations.items()
            if reservation.ended_at is not None and now - reservation.ended_at > self.settle
        ]
        for attempt in over:
            del self._reservations[attempt]
        self._ended = {attempt: ended for attempt, ended in self._ended.items() if now - ended <= self.settle}
