"""The detection engine as a process of its own: `python -m dialing.detection_process FD CAPACITY [rules]`.

Started by `dialing.detection`, with one end of a socket as descriptor FD; it ends when the other end is closed. In the
calls worker's process the engine's computing held up the audio of all calls, each time Python's lock was in its
hands while another program had the processor.
"""

import json
import logging
import os
import signal
import socket
import sys
from typing import Any

from amd.cause import Code, cause
from amd.early_media import EarlyMedia
from amd.engine import Engine, EngineFullError
from amd.profile import Profile
from amd.verdict import Label, Verdict
from dialing.detection_messages import Inbox, Kind, message, read_tick

WARM_UP_TICKS = 50  # 1 s: by then the trees have been asked, and numpy has loaded and planned everything
NICER = 2
"""Steps of priority below the calls worker: a verdict may wait some milliseconds, the audio may not."""


class Listener:
    """The engine, and which call sits in which of its slots. Messages in, messages out."""

    def __init__(self, capacity: int, *, rules_only: bool = False) -> None:
        self.engine = Engine(capacity, rules_only=rules_only)
        self._slots: dict[int, int] = {}
        self._calls: dict[int, int] = {}
        self._early: set[int] = set()
        self._ticks = 0
        _warm_up(self.engine)

    def take(self, kind: Kind, body: bytes) -> list[bytes]:
        """The answers to one message."""
        if kind is Kind.TICK:
            return self._tick(body)
        said = json.loads(body)
        call: int = said["call"]
        if kind is Kind.OPEN:
            return self._open(call, _profile(said["profile"]))
        if kind is Kind.OPEN_EARLY:
            return self._open_early(call)
        slot = self._slots.get(call)
        if slot is None:  # decided meanwhile, or there was no room
            return []
        if kind is Kind.CLOSE:
            self._forget(slot)
            return []
        return [self._last_word(call, slot)]

    def _tick(self, body: bytes) -> list[bytes]:
        for call, frame in read_tick(body):
            slot = self._slots.get(call)
            if slot is not None:
                self.engine.push(slot, frame)
        self._ticks += 1
        out = [self._verdict(slot, verdict) for slot, verdict in self.engine.tick()]
        for slot, found in self.engine.early_news():
            out.append(_early(self._calls[slot], found, last=False))
        return out

    @property
    def ticked(self) -> bytes:
        return message(Kind.TICKED, {"ticks": self._ticks})

    def _open(self, call: int, profile: Profile) -> list[bytes]:
        try:
            self._seat(call, self.engine.open(profile))
        except EngineFullError:
            full = Verdict(Label.NOTSURE, cause(Code.NO_ROOM, calls=self.engine.capacity), 0)
            return [message(Kind.VERDICT, {"call": call, "verdict": full.as_json(), "evidence": None})]
        return []

    def _open_early(self, call: int) -> list[bytes]:
        try:
            slot = self.engine.open_early()
        except EngineFullError:
            return [_early(call, None, last=True)]
        self._early.add(slot)
        self._seat(call, slot)
        return []

    def _seat(self, call: int, slot: int) -> None:
        self._slots[call], self._calls[slot] = slot, call

    def _last_word(self, call: int, slot: int) -> bytes:
        if slot not in self._early:
            return self._verdict(slot, self.engine.finish(slot))
        found = self.engine.early(slot)
        self._forget(slot)
        return _early(call, found, last=True)

    def _verdict(self, slot: int, verdict: Verdict) -> bytes:
        call, evidence = self._calls[slot], self.engine.evidence(slot).as_json()
        self._forget(slot)
        return message(Kind.VERDICT, {"call": call, "verdict": verdict.as_json(), "evidence": evidence})

    def _forget(self, slot: int) -> None:
        del self._slots[self._calls.pop(slot)]
        self._early.discard(slot)
        self.engine.close(slot)


def _early(call: int, found: EarlyMedia | None, *, last: bool) -> bytes:
    heard = None if found is None else found.as_json()
    return message(Kind.EARLY, {"call": call, "found": heard, "last": last})


def _profile(values: dict[str, Any]) -> Profile:
    return Profile(**values | {"silence_at_pickup_is": Label(values["silence_at_pickup_is"])})


def _warm_up(engine: Engine) -> None:
    """The first ticks load code and plan transforms: not while somebody waits on the phone."""
    slot = engine.open()
    for tick in range(WARM_UP_TICKS):
        engine.push(slot, bytes(tick * 160 + i & 0xFF for i in range(160)))
        engine.tick()
    engine.close(slot)


def serve(sock: socket.socket, listener: Listener) -> None:
    """Answer until the other end is closed."""
    inbox = Inbox()
    while data := sock.recv(1 << 18):
        answers: list[bytes] = []
        for kind, body in inbox.take(data):
            answers += listener.take(kind, body)
        sock.sendall(b"".join([*answers, listener.ticked]))


def main(descriptor: int, capacity: int, rules_only: bool) -> int:
    # A terminal's Ctrl-C and a service's stop reach the whole group: calls that are up still need their verdict.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.nice(NICER)
    with socket.socket(fileno=descriptor) as sock:
        listener = Listener(capacity, rules_only=rules_only)
        try:
            sock.sendall(message(Kind.READY, {"rules_only": listener.engine.rules_only}))
            serve(sock, listener)
        except ConnectionError:
            pass  # the calls worker is gone
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), "rules" in sys.argv[3:]))
