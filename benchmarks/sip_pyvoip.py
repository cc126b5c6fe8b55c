"""pyVoIP 1.6.8 and our user agent beside each other: the same peer, the same calls, one after the other.

    python -m benchmarks.sip_pyvoip [--calls 30] [--seconds 8]

pyVoIP (GPL) is no part of the product: it gets an environment of its own under `build/`, made on the first run from the
package index. `ratio` is pyVoIP's figure by ours: core use, core use for each frame (in and out), frames held.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._process import load
from benchmarks._sipp import NoSippError, sipp, write_audio

VERSION = "1.6.8"
ROOT = Path(__file__).parents[1]
VENV = ROOT / "build" / f"pyvoip-{VERSION}"
LONGEST = 300
"""Seconds for either of the two; pyVoIP waits without end for a message that it does not expect."""


def pyvoip_python() -> Path:
    """Its interpreter. Raises CalledProcessError when the package can't be had."""
    python = VENV / "bin" / "python"
    ready = VENV / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True, capture_output=True)
        command = [str(python), "-m", "pip", "install", "--quiet", f"pyVoIP=={VERSION}"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        ready.touch()
    return python


def ours(calls: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.sip_calls", "--codec", "PCMU"]
    figures = _last_line([*command, "--calls", str(calls), "--seconds", str(seconds)])
    kept = ("answered", "held", "frames_in_per_s", "frames_out_per_s", "cpu_cores")
    return {name: figures.get(name) for name in kept}


def theirs(calls: int, seconds: float) -> dict[str, Any]:
    script = str(ROOT / "benchmarks" / "_pyvoip_calls.py")
    with tempfile.TemporaryDirectory() as folder:
        audio = write_audio(Path(folder))
        with sipp("answers.xml", AUDIO=audio, PAYLOAD=0, CODEC="PCMU") as port:
            return _last_line([str(pyvoip_python()), script, str(port), str(calls), str(seconds)])


def _last_line(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def ratio(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, float | None]:
    """None where ours is 0: nothing was measured."""

    def frames(figures: dict[str, Any]) -> float:
        each = figures["frames_in_per_s"]["mean"] + figures["frames_out_per_s"]["mean"]
        return float(each) * float(figures["answered"])

    def by(a: float, b: float) -> float | None:
        return round(a / b, 2) if b else None

    core_a_frame = [figures["cpu_cores"] / (frames(figures) or 1) for figures in (theirs, ours)]
    return {
        "cpu_cores": by(theirs["cpu_cores"], ours["cpu_cores"]),
        "cpu_a_frame": by(*core_a_frame),
        "frames": by(frames(theirs), frames(ours)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    try:
        pyvoip_python()
        there, here = theirs(options.calls, options.seconds), ours(options.calls, options.seconds)
    except NoSippError as missing:
        print(json.dumps({"ratio": None, "why": str(missing)}))
        return 0
    except subprocess.CalledProcessError as failed:
        print(json.dumps({"ratio": None, "why": f"{failed}: {(failed.stderr or '')[-500:]}"}))
        return 0
    except subprocess.TimeoutExpired as late:
        print(json.dumps({"ratio": None, "why": str(late)}))
        return 0
    figures = {"calls": options.calls, "pyvoip": there, "ours": here, "ratio": ratio(there, here)}
    print(json.dumps({**figures, "load": load()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
