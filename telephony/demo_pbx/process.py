"""The demo PBX as a child process, for tests and for the demo command."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]


class DemoPbxError(RuntimeError):
    """The PBX did not start; the message is what it said."""


@dataclass(frozen=True, slots=True)
class DemoPbxReady:
    """Where a started PBX listens, and its call log (JSON lines, see `call_log.CallRecord`)."""

    host: str
    sip_port: int
    events_port: int
    log: Path
    pid: int


class DemoPbxProcess:
    """Starts one demo PBX, stops that one only.

        with DemoPbxProcess(folder) as pbx:
            ready = pbx.start({"customers": {"ring_s": 0.05}})

    `config` is the JSON of `config.DemoPbxConfig`; ports default to free ones. The PBX ends by itself when this
    process ends, however that happens. Its configuration, log and stderr lie in `folder` (a new temporary
    folder when none is given).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="demo-pbx-"))
        self.ready: DemoPbxReady | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, config: Mapping[str, object] | None = None, timeout: float = 15.0) -> DemoPbxReady:
        """Start and wait until both ports are open; DemoPbxError with the PBX's own sentence otherwise."""
        if self._process is not None:
            raise DemoPbxError("the demo PBX was started already")
        self.folder.mkdir(parents=True, exist_ok=True)
        log = Path(str((config or {}).get("log") or self.folder / "calls.jsonl"))
        settings = self.folder / "config.json"
        settings.write_text(json.dumps({**(config or {}), "log": str(log)}), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "telephony.demo_pbx",
            "--until-stdin-closes",
            "--config",
            str(settings),
        ]
        with (self.folder / "stderr.txt").open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # A Ctrl-C at the terminal is for the parent, which stops the PBX in its own order.
                start_new_session=True,
            )
        line = self._first_line(timeout)
        if not line:
            self.stop()
            said = (self.folder / "stderr.txt").read_text(errors="replace").strip()
            raise DemoPbxError(said or f"the demo PBX did not start within {timeout} s")
        values = json.loads(line)
        self.ready = DemoPbxReady(
            values["host"], values["sip_port"], values["events_port"], log, self._process.pid
        )
        return self.ready

    def _first_line(self, timeout: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor, line, deadline = self._process.stdout.fileno(), b"", time.monotonic() + timeout
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(descriptor, 4096) if readable else b""
            if not chunk:
                return b""
            line += chunk
        return line

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout: float = 5.0) -> int | None:
        """End the PBX by its process id and wait for it; its exit code, None when it was not started."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def kill(self) -> None:
        """End the PBX as a crash does."""
        if self._process is not None:
            self._process.kill()
            self.stop()

    def __enter__(self) -> "DemoPbxProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
