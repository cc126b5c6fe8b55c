"""The PBX lab (a real Asterisk, `make test-peers`), its ports by the lab's own environment variables, and a log of all
that its manager interface tells, kept beside the connector under test."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from telephony.contact_center.asterisk_ami.messages import AmiParser, Message, action
from tests.sip.test_sip_messages import SHARED

LAB = SHARED / "pbx-lab"
AMI_PORT = int(os.environ.get("PBX_AMI_PORT", "5138"))
SIP_PORT = int(os.environ.get("PBX_SIP_PORT", "5160"))
WRAP_UP_S = int(os.environ.get("WRAPUP_S", "3"))
SETTINGS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": AMI_PORT,
    "username": "dialer",
    "password": "lab-secret",
    "wrapup_s": WRAP_UP_S,
    "queues": {"sales": "7000"},
    "ivrs": {"menu": {"pilot": "8000", "channels": 5, "context": "from-dialer", "extension": "8000"}},
}


@contextmanager
def running_lab() -> Iterator[None]:
    """Left running when it ran before."""
    if not (LAB / "start_pbx.sh").exists() or os.geteuid() != 0:
        pytest.skip(f"needs root and {LAB}; DIALER_SHARED names the folder of pbx-lab")
    if os.environ.get("PBX_LAB") == "off":
        pytest.skip("the PBX lab did not start")
    with socket.socket() as probe:
        ran = probe.connect_ex(("127.0.0.1", AMI_PORT)) == 0
    if not ran:
        subprocess.run([str(LAB / "start_pbx.sh")], check=True, cwd=LAB, timeout=300)
    try:
        yield
    finally:
        if not ran:
            subprocess.run([str(LAB / "stop_pbx.sh")], check=True, cwd=LAB, timeout=60)


@dataclass(slots=True)
class AmiLog:
    """Everything Asterisk says, in order, each with the wall-clock time of its arrival."""

    said: list[tuple[float, Message]] = field(default_factory=list)
    _writer: asyncio.StreamWriter | None = None
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "AmiLog":
        reader, self._writer = await asyncio.open_connection("127.0.0.1", AMI_PORT)
        self._task = asyncio.create_task(self._read(reader))
        secret = {"Username": SETTINGS["username"], "Secret": SETTINGS["password"], "Events": "on"}
        self._writer.write(action("Login", "login", **secret))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task
        assert self._writer
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        parser = AmiParser()
        while data := await reader.read(65536):
            self.said += [(time.time(), message) for message in parser.feed(data)]

    def do(self, name: str, **fields: str) -> None:
        assert self._writer
        self._writer.write(action(name, "test", **fields))

    def events(self, *names: str) -> list[Message]:
        return [message for _, message in self.said if message.event in names]


class Proxy:
    """Between the product and AMI: connections can be cut, or swallowed without a word."""

    def __init__(self) -> None:
        self.port = 0
        self.is_deaf = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await asyncio.sleep(0.1)

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far, far_out = await asyncio.open_connection("127.0.0.1", AMI_PORT)
        self._writers |= {near_out, far_out}
        await asyncio.gather(self._pass(near, far_out), self._pass(far, near_out))
        self._writers -= {near_out, far_out}

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self.is_deaf:
                    target.write(data)
        except OSError:
            pass
        finally:
            target.close()
