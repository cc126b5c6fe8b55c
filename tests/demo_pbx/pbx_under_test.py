"""A demo PBX process with quick customers, and its events feed, for the tests."""

import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from telephony.demo_pbx.process import DemoPbxProcess
from tests.patience import PATIENCE

from .raw_phone import RawPhone

QUICK: Mapping[str, Any] = {
    "timers": {"t1_s": 0.1, "t2_s": 0.4, "t4_s": 0.5},
    "bridge_hang_up_s": 0.6,
    "customers": {
        "ring_s": 0.05,
        "refuse_after_s": 0.02,
        "speak_after_s": 0.3,
        "hang_up_after_s": 0.3,
        "patience_s": 20,
        "ring_timeout_s": 0.4,
    },
    "queues": {"sales": {"agents": 1, "answer_s": 0.1, "talk_s": 0.4, "wrap_up_s": 0.4, "max_wait_s": 5}},
    "ivrs": {"ivr": {"channels": 1, "answer_s": 0.05, "talk_s": 0.5}},
}


def quick(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """The quick configuration with some sections' fields changed."""
    config = {name: dict(value) if isinstance(value, Mapping) else value for name, value in QUICK.items()}
    for name, value in changes.items():
        config[name] = {**config.get(name, {}), **value} if isinstance(value, Mapping) else value
    return config


class Feed:
    """A listener of the events feed that also gives commands."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.lines = self.socket.makefile("rb")
        self.events: list[dict[str, Any]] = []

    def next(self, wanted: str) -> dict[str, Any]:
        """The next event of this type; what comes before it is kept in `events`."""
        while True:
            line = self.lines.readline()
            assert line, "the feed was closed"
            event: dict[str, Any] = json.loads(line)
            if event["type"] == wanted:
                return event
            self.events.append(event)

    def command(self, command: str, **fields: object) -> dict[str, Any]:
        self.socket.sendall(json.dumps({"command": command, **fields}).encode() + b"\n")
        return self.next("reply")

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self.command("stats")["stats"]
        return stats

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


class PbxUnderTest:
    """The process, its phones and its feed; everything is closed at the end."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.process = DemoPbxProcess(folder)
        self.ready = self.process.start(config)
        self.feed = Feed(self.ready.events_port)
        self.feed.next("snapshot")
        self._closers: list[Callable[[], None]] = [self.feed.close]

    def phone(self, user: str = "6001", password: str | None = None) -> RawPhone:
        phone = RawPhone(self.ready.sip_port, user, password)
        self._closers.append(phone.close)
        return phone

    def log(self, event: str = "call", **wanted: object) -> list[dict[str, Any]]:
        """The log's lines of this sort whose fields are as wanted."""
        lines = [json.loads(line) for line in self.ready.log.read_text().splitlines()]
        fits = {"event": event, **wanted}
        return [line for line in lines if all(line.get(name) == value for name, value in fits.items())]

    def logged(self, event: str = "call", seconds: float = PATIENCE, **wanted: object) -> dict[str, Any]:
        """The one line of this sort, waited for."""
        deadline = time.monotonic() + seconds
        while not (lines := self.log(event, **wanted)):
            assert time.monotonic() < deadline, f"no {event} line with {wanted}"
            time.sleep(0.02)
        assert len(lines) == 1
        return lines[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for close in self._closers:
            close()
        self.process.stop()
