"""A calls worker in the test's own process, with its ports registered at a real peer."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dialing import ports
from dialing.calls_worker import CallsWorker
from dialing.leases import database_time
from telephony.demo_pbx.process import DemoPbxReady
from tests.factories import make_port
from tests.patience import PATIENCE


def eventually(condition: Callable[[], object], within: float = PATIENCE) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@contextmanager
def worker_with_ports(registrar_port: int, *extensions: str, **fields: Any) -> Iterator[CallsWorker]:
    """`fields` are those of the ports; their passwords are what the demo PBX expects."""
    for extension in extensions:
        make_port(
            **{
                "extension": extension,
                "password": f"pw{extension}",
                "registrar_port": registrar_port,
                **fields,
            }
        )
    worker = CallsWorker(capacity=len(extensions), name="test worker")
    worker.start()
    try:
        eventually(lambda: ports.registered(database_time()).count() == len(extensions))
        eventually(lambda: worker.ports.counts() == (len(extensions), 0))
        yield worker
    finally:
        worker.close()


def calls(pbx: DemoPbxReady) -> list[dict[str, Any]]:
    """What the demo PBX has written down of calls that are over."""
    lines = [json.loads(line) for line in pbx.log.read_text().splitlines()] if pbx.log.exists() else []
    return [line for line in lines if line["event"] == "call"]
