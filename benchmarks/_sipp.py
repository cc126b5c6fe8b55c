"""sipp (Debian: sip-tester) as the called side of the SIP benchmarks."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SCENARIOS = Path(__file__).parent / "sipp"
HOST = "127.0.0.1"


class NoSippError(RuntimeError):
    """sipp is not installed."""


@contextlib.contextmanager
def sipp(scenario: str, *options: str, **values: object) -> Iterator[int]:
    """Runs the scenario for any number of calls; yields its SIP port. `values` fill the scenario's capitals."""
    program = shutil.which("sipp")
    if program is None:
        raise NoSippError("sipp is not installed: apt-get install sip-tester")
    with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
        text = (SCENARIOS / scenario).read_text()
        for name, value in values.items():
            text = text.replace(name, str(value))
        script = Path(folder) / scenario
        script.write_text(text)
        port = free_port()
        command = [program, "-sf", str(script), "-i", HOST, "-p", str(port), "-mi", HOST, "-nostdin"]
        # A big receive buffer: what sipp loses must not count as lost by the dialer.
        process = subprocess.Popen(
            [*command, "-buff_size", "4000000", *options],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.kill()
            process.wait()


def write_audio(folder: Path, seconds: float = 10) -> Path:
    """A file of quiet A-law noise: `rtp_stream` sends it."""
    path = folder / "noise.al"
    path.write_bytes(bytes(0xD5 ^ (i * 2654435761 >> 13 & 3) for i in range(round(seconds * 8000))))
    return path


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(500):
        if process.poll() is not None:
            raise RuntimeError(f"sipp ended at once with {process.returncode}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    raise RuntimeError("sipp did not open its port")
