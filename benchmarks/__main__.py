"""`python -m benchmarks [NAME...] [--options of the one NAME]`: runs the benchmarks one after the other, one JSON
line each.

Each runs in a process of its own, so that memory and CPU figures belong to it alone. The exit status is 1 when one
of them failed or missed a goal (`missed`); the others run all the same.
"""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks._process import clean_up_when_ended

LONGEST = 1800
"""Seconds for one benchmark."""
CLEAN_UP = 30
"""Seconds for one that is ended to end what it has started."""

MAKERS = {"amd_corpus"}
"""Modules of this folder that make something and measure nothing."""


def names() -> list[str]:
    """The benchmarks in this folder."""
    found = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    return sorted(name for name in found - MAKERS if not name.startswith("_"))


def run(name: str, options: list[str]) -> dict[str, Any]:
    """The benchmark's figures, or what went wrong under `error`."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    longest = None if options else LONGEST  # who gives options may want hours
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            said, complained = child.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            return {"benchmark": name, "error": f"did not end within {LONGEST} s"}
        finally:
            _end(child)
    lines = said.strip().splitlines()
    figures = _figures(lines[-1]) if lines else None
    if figures is None or (child.returncode and "goals" not in figures):
        return {"benchmark": name, "error": (complained.strip() or "printed nothing")[-2000:]}
    return {"benchmark": name, **figures}


def _end(child: "subprocess.Popen[str]") -> None:
    """Ends a benchmark that is still at it, and what it has started."""
    if child.poll() is None:
        child.terminate()
        try:
            child.communicate(timeout=CLEAN_UP)
        except subprocess.TimeoutExpired:
            child.kill()


def _figures(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def missed(figures: dict[str, Any]) -> list[str]:
    """Names of the goals that were not met (`benchmarks/_goals.py`)."""
    return [name for name, one in figures.get("goals", {}).items() if not one["met"]]


def main(words: list[str]) -> int:
    known = names()
    first_option = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    wanted, options = words[:first_option], words[first_option:]
    if options and len(wanted) != 1:
        print("Options belong to one benchmark: name it before them.", file=sys.stderr)
        return 2
    if unknown := set(wanted) - set(known):
        print(
            f"No benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(known)}.",
            file=sys.stderr,
        )
        return 2
    clean_up_when_ended()
    failed = False
    for name in wanted or known:
        figures = run(name, options)
        if names_missed := missed(figures):
            figures["missed"] = names_missed
        failed |= "error" in figures or "missed" in figures
        print(json.dumps(figures), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
