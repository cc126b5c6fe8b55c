"""The PBX of a run: the demo PBX or a real Asterisk, with customers, a queue of agents, and a log of its own."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from tests.patience import PATIENCE
from tests.pbx_lab import sip_log
from tests.pbx_lab.lab import PbxLab

AGENTS = 6
PORTS = 10
LOOPBACK = "127.0.0.1"

DEMO: dict[str, Any] = {
    "users": {str(6001 + n): f"pw{6001 + n}" for n in range(PORTS)},
    # Calls whose dialer was killed end soon: nobody can hang them up any more.
    "bridge_hang_up_s": 1.0,
    "customers": {
        "ring_s": [0.1, 0.8],
        "refuse_after_s": [0.02, 0.2],
        "speak_after_s": [0.1, 0.4],
        "ring_timeout_s": 2.5,
        "patience_s": 4.0,
        "hang_up_after_s": 1.0,
    },
    "queues": {
        "sales": {
            "pilot": "7000",
            "agents": AGENTS,
            "answer_s": 0.1,
            "talk_s": [0.3, 1.0],
            "wrap_up_s": [0.1, 0.3],
            "max_wait_s": 4.0,
        }
    },
    "ivrs": {},
}
ASTERISK: dict[str, Any] = {
    "PBX_PORTS": PORTS,
    "PBX_AGENTS": AGENTS,
    "RING_MS": 400,
    "AGENT_TALK_MS": 700,
    "WRAPUP_S": 1,
    "DIAL_TIMEOUT_S": 5,
}
"""Settings of the PBX lab."""

Call = dict[str, Any]
"""A line of the demo PBX's log (`telephony/demo_pbx/call_log.py`), or as much of it as Asterisk's tells."""


class Pbx(Protocol):
    """Its subscribers are 6001 and up, password `pw` and the number; its queue is `sales`, pilot 7000."""

    prefix: str
    """How numbers of customers begin; the last digit says what they do."""

    @property
    def sip(self) -> tuple[str, int]: ...

    @property
    def center(self) -> tuple[str, int]:
        """Where its contact centre tells its state."""
        ...

    def center_fields(self, address: tuple[str, int]) -> dict[str, Any]:
        """Of the row of a contact centre that is reached at `address`."""
        ...

    def start(self) -> None:
        """On the ports that it had before, with its log going on."""
        ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def calls(self) -> list[Call]:
        """Of its log: every INVITE dialog that has ended."""
        ...

    def new_calls(self) -> list[Call]:
        """Those of them that were not told before."""
        ...

    def calls_up(self, is_orphan: Callable[[Call], bool]) -> int:
        """Calls that are up, save those whose dialer was killed, where the PBX keeps them for long."""
        ...

    @property
    def log(self) -> Path: ...


class DemoPbx:
    prefix = "5541"

    def __init__(self, folder: Path, host: str = LOOPBACK) -> None:
        self._folder = folder
        self._host = host
        self._process = DemoPbxProcess(folder)
        self._ready: DemoPbxReady | None = None
        self._read = 0  # bytes of the log

    @property
    def ready(self) -> DemoPbxReady:
        assert self._ready is not None
        return self._ready

    @property
    def sip(self) -> tuple[str, int]:
        return self.ready.host, self.ready.sip_port

    @property
    def center(self) -> tuple[str, int]:
        return self.ready.host, self.ready.events_port

    def center_fields(self, address: tuple[str, int]) -> dict[str, Any]:
        return {"settings": {"host": address[0], "port": address[1]}}

    def start(self) -> None:
        again = {}
        if self._ready is not None:
            again = {"sip_port": self._ready.sip_port, "events_port": self._ready.events_port}
        self._process = DemoPbxProcess(self._folder)
        self._ready = self._process.start({**DEMO, "host": self._host, **again})

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    close = stop

    def calls(self) -> list[Call]:
        return self._calls_from(0)[0]

    def new_calls(self) -> list[Call]:
        calls, self._read = self._calls_from(self._read)
        return calls

    def _calls_from(self, first: int) -> tuple[list[Call], int]:
        """The calls of the log from this byte on, and where its last whole line ends."""
        if not self.log.exists():
            return [], first
        with self.log.open("rb") as log:
            log.seek(first)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        calls = [call for call in _whole_lines(whole.decode().splitlines()) if call["event"] == "call"]
        return calls, first + len(whole)

    def calls_up(self, is_orphan: Callable[[Call], bool]) -> int:
        """By its own counter; calls whose dialer was killed ended by themselves."""
        with socket.create_connection(self.center, 5) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(b'{"command": "stats"}\n')
            with connection.makefile("rb") as lines:
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "reply":
                        return int(event["stats"]["calls_up"])
        raise ConnectionError("the PBX said nothing")

    @property
    def log(self) -> Path:
        return self.ready.log


def _whole_lines(lines: list[str]) -> list[Call]:
    """Without one that the PBX was killed in."""
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


class AsteriskPbx:
    """The PBX lab, started by the caller. Its customers stay on the line for minutes when the dialer's leg is silent."""

    prefix = "06"

    def __init__(self, lab: PbxLab) -> None:
        self._lab = lab
        self._ends: list[float] = []
        self._told: set[str] = set()

    @property
    def sip(self) -> tuple[str, int]:
        return LOOPBACK, self._lab.sip_port

    @property
    def center(self) -> tuple[str, int]:
        return LOOPBACK, self._lab.ami_port

    def center_fields(self, address: tuple[str, int]) -> dict[str, Any]:
        from telephony.models import ContactCenter

        host, port = address
        settings = {**self._lab.sign_in, "host": host, "port": port, "wrapup_s": ASTERISK["WRAPUP_S"]}
        return {"kind": ContactCenter.Kind.ASTERISK_AMI, "settings": settings}

    def start(self) -> None:
        self._lab.start()

    def stop(self) -> None:
        self._lab.stop_asterisk()
        self._ends.append(time.time() * 1000)

    def kill(self) -> None:
        self._lab.kill_asterisk()
        self._ends.append(time.time() * 1000)

    def close(self) -> None:
        """The lab's owner stops it."""

    def calls(self) -> list[Call]:
        return [call for call in self._all() if call["ended_at"] is not None]

    def new_calls(self) -> list[Call]:
        """Asterisk's log is read anew each time: its messages of one call lie far apart."""
        calls = [call for call in self.calls() if call["call_id"] not in self._told]
        self._told.update(call["call_id"] for call in calls)
        return calls

    def calls_up(self, is_orphan: Callable[[Call], bool]) -> int:
        return sum(call["ended_at"] is None and not is_orphan(call) for call in self._all())

    def _all(self) -> list[Call]:
        """A call that was up when Asterisk ended has ended with it."""
        calls = [sip_log.call_of(said) for said in sip_log.dialer_calls(sip_log.read(self.log)).values()]
        for call in calls:
            if call["ended_at"] is None:
                call["ended_at"] = next((end for end in self._ends if end > call["invite_at"]), None)
        return calls

    @property
    def log(self) -> Path:
        return self._lab.log
