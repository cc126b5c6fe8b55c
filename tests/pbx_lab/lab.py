"""The PBX lab (`DIALER_SHARED/pbx-lab`) on ports and in a folder of a run's own, beside any other that runs.

Asterisk lives in a chroot, so this needs root. The first run builds the chroot (`PBX_STATE`, else `build/pbx`, where
`make test-peers` has it too); a run that finds Asterisk at work there copies it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dialer_project.processes.spawn import is_alive
from tests.chain.processes import PROJECT
from tests.patience import PATIENCE

LAB = Path(os.environ.get("DIALER_SHARED", PROJECT.parent / "shared")) / "pbx-lab"
STATE = Path(os.environ.get("PBX_STATE", PROJECT / "build" / "pbx"))
FIRST_PORT = 6001
"""The first dialer port's number; its password is `pw` and the number."""
START_WITHIN = 600
"""Seconds: the first start downloads Asterisk."""


class NoLabError(Exception):
    """The lab can't run here; the words say why."""


class PbxLab:
    """One Asterisk. `settings` are those of the lab's `lab.env`: PBX_PORTS, PBX_AGENTS, RING_MS, IVR_CHANNELS ..."""

    def __init__(self, state: Path, **settings: object) -> None:
        self.state = state
        self.sip_port, self.ami_port, http, carrier, agents = _free_ports(5)
        self.address = ("127.0.0.1", self.sip_port)
        ours = {
            "PBX_STATE": state,
            "PBX_SIP_PORT": self.sip_port,
            "PBX_AMI_PORT": self.ami_port,
            "PBX_HTTP_PORT": http,
            "CARRIER_PORT": carrier,
            "AGENT_PORT": agents,
        }
        self.environment = {**os.environ, **{name: str(value) for name, value in (ours | settings).items()}}
        self.environment.pop("PBX_ROOT", None)

    @property
    def sign_in(self) -> dict[str, Any]:
        """Settings of a contact centre of kind `asterisk_ami`."""
        return {
            "host": "127.0.0.1",
            "port": self.ami_port,
            "username": "dialer",
            "password": "lab-secret",
            "queues": {"sales": "7000"},
        }

    @property
    def log(self) -> Path:
        """Asterisk's own: what it did, and every SIP message, from each start on."""
        [root] = (self.state / "roots").iterdir()
        return root / "var" / "log" / "asterisk-lab" / "full.log"

    def pid(self, name: str = "asterisk") -> int:
        """Of `asterisk`, `carrier` (the customers) or `agents`."""
        return int((self.state / "run" / f"{name}.pid").read_text())

    def start(self) -> None:
        """What does not run is started."""
        self._run([self.state / "start_pbx.sh"], START_WITHIN)

    def stop(self) -> None:
        self._run([self.state / "stop_pbx.sh"], 60)

    def stop_asterisk(self) -> None:
        """In its own time: calls are ended, and the phones stay."""
        self._end_asterisk("core stop now")

    def kill_asterisk(self) -> None:
        self._end_asterisk(None)

    def cli(self, command: str) -> str:
        return self._run([self.state / "cli.sh", command], 20)

    def load_peer(self, *words: object) -> str:
        """Asterisk's own originating, by the lab's `load_peer.py`: its line of figures."""
        return self._run([sys.executable, self.state / "bin" / "load_peer.py", *words], START_WITHIN).strip()

    def _end_asterisk(self, command: str | None) -> None:
        pid = self.pid()
        if command is None:
            os.kill(pid, signal.SIGKILL)
        else:
            with suppress(subprocess.SubprocessError):  # it may be gone before it answers
                self.cli(command)
        deadline = time.monotonic() + PATIENCE
        while is_alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        # Until init has buried it, the start script would take it for one that runs.
        (self.state / "run" / "asterisk.pid").unlink(missing_ok=True)

    def _run(self, command: list[object], within: float) -> str:
        """The lab's daemons keep what they inherit open, so what a script says goes to a file."""
        said = self.state / "said"
        with said.open("wb+") as out:
            done = subprocess.run(
                [str(word) for word in command],
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=within,
                check=False,
            )
            out.seek(0)
            text = out.read().decode(errors="replace")
        if done.returncode:
            raise subprocess.SubprocessError(f"{command[0]}: {text.strip()[-600:]}")
        return text


@contextmanager
def running_lab(name: str, *, ivr_is_brief: bool = False, **settings: Any) -> Iterator[PbxLab]:
    """A lab in the folder `name` of `PBX_STATE`, with an empty log; NoLabError where there can be none.

    `ivr_is_brief`: a word and a second in the IVR, whose own text lasts half a minute. It must say something: Asterisk
    tells that a transfer has succeeded when the first sound comes back.
    """
    if why_not := obstacle():
        raise NoLabError(why_not)
    state = STATE / name
    if (state / "run" / "asterisk.pid").exists():  # of a run that was killed
        PbxLab(state).stop()
    _seed(state, ivr_is_brief=ivr_is_brief)
    lab = PbxLab(state, **settings)
    try:
        with suppress(ValueError, FileNotFoundError):  # no chroot yet
            lab.log.unlink(missing_ok=True)
        lab.start()
        yield lab
    finally:
        lab.stop()


def obstacle() -> str:
    """Why no lab can run here, or an empty text."""
    if not (LAB / "start_pbx.sh").exists():
        return f"the PBX lab is not there: {LAB} (DIALER_SHARED names the folder of pbx-lab)"
    if os.geteuid() != 0:
        return "the PBX lab runs in a chroot, which needs root"
    if shutil.which("apt-get") is None:
        return "the PBX lab is installed by Debian's apt-get"
    return ""


def _seed(state: Path, *, ivr_is_brief: bool) -> None:
    """A copy of the lab, whose Asterisk logs every SIP message from its start on; its chroot is copied from one that is
    there already. `roots` and `run` of a lab that was started in its own folder stay there: chroots have devices."""
    shutil.rmtree(state / "run", ignore_errors=True)
    shutil.copytree(LAB, state, dirs_exist_ok=True, ignore=shutil.ignore_patterns("roots", "run"))
    _change(state / "etc" / "pjsip.conf.in", "type=global\n", "type=global\ndebug=yes\n")
    if ivr_is_brief:
        dialplan = state / "etc" / "extensions.conf.in"
        _change(dialplan, "Background(demo-congrats)", "Background(vm-goodbye)")
        _change(dialplan, "WaitExten(3)", "Wait(1)")
    if (state / "roots").exists():
        return
    roots = [*STATE.glob("roots/*"), *STATE.glob("*/roots/*")]
    found = [root for root in roots if (root / "usr/sbin/asterisk").exists()]
    if found:
        (state / "roots").mkdir(parents=True)
        partial = state / "roots.part"
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(found[0]), str(partial)], check=True)
        shutil.rmtree(partial / "var/run/asterisk-lab", ignore_errors=True)
        partial.rename(state / "roots" / found[0].name)


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    if old not in text:
        raise NoLabError(f"{file} says nothing of {old!r}: the lab is another one")
    file.write_text(text.replace(old, new))


def _free_ports(count: int) -> list[int]:
    """For TCP and UDP alike."""
    with_both: list[int] = []
    held = []
    while len(with_both) < count:
        tcp, udp = (socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        held += [tcp, udp]
        with suppress(OSError):
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            tcp.bind(("127.0.0.1", port))
            with_both.append(port)
    for one in held:
        one.close()
    return with_both
