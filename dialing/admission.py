"""How a task's thread gets its call past the carrier's limits and the gate: ask the list, wait for the turn, start."""

from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError

from dialing import attempt as attempts
from dialing import carriers
from dialing.carriers import NotYet, Turn
from dialing.free_ports import FreePorts
from dialing.records import Recorder
from dialing.turns import Turns

T = TypeVar("T")

DATABASE_AGAIN = 0.2
"""Seconds until a database that was away is asked for a turn again."""

Begin = Callable[[int, int, Turn | None, int | None], T | None]
"""Starts an attempt on a port, with its turn and the do-not-call service that was asked, in whatever thread; None: the
gate refused."""


class Admission:
    """Of one calls worker. `starts` are the threads in which the database is asked for turns."""

    def __init__(self, starts: Recorder, ports: FreePorts) -> None:
        self._starts = starts
        self._ports = ports
        self._turns = Turns(lambda *which: starts.run(carriers.take_turn, *which))

    def started(
        self, attempt: int, port: int, asked: int | None, begin: Begin[T], patience: float
    ) -> T | None:
        """What `begin` returns. NotYet when the port's carrier takes no call within `patience` seconds.

        The gate is asked at the moment of the turn, by `begin`; only an external do-not-call list is asked before.
        """
        try:
            carrier = self._ports.waits_at(port)
            if carrier is None:
                return begin(attempt, port, None, asked)
            return self._in_turn(carrier, attempt, port, asked, begin, patience)
        except NotYet as not_yet:
            if not_yet.rate is not None:
                self._ports.limit(not_yet.carrier, not_yet.rate)
            if not_yet.wait:
                self._ports.rest(not_yet.carrier, not_yet.wait)
            raise

    def _in_turn(
        self, carrier: int, attempt: int, port: int, asked: int | None, begin: Begin[T], patience: float
    ) -> T | None:
        try:
            asked = asked or self._starts.run(attempts.ask_list, attempt)
            turn = self._turns.take(carrier, attempt, patience)
        except NotYet as not_yet:
            raise not_yet.having_asked(asked) from None
        except (OperationalError, InterfaceError) as error:
            # Nothing was started: its lead need not wait for a lease.
            raise NotYet(carrier, DATABASE_AGAIN, "The database is out of reach.") from error
        self._ports.has_turn(port)
        try:
            started = begin(attempt, port, turn, asked)
        except NotYet:
            self._turns.leave(turn)
            raise
        if started is None:
            self._turns.leave(turn)
        return started
