"""`python -m tests.chaos --faults N [--seed S] [--peer asterisk] [--report FILE] [--only KIND,...]`: faults, injected.

The real processes work on a campaign against the demo PBX, or a real Asterisk, while one fault after the other hits
them. FILE gets a JSON line a fault (kind, at, recovered_s, wrong), one for the end, and a summary. Exit status 1 when
something that must hold did not, the logs are kept then; 3 where Asterisk can't run.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.disk import enter_own_mounts
from tests.chaos.pbx import ASTERISK
from tests.chaos.world import World, open_world
from tests.pbx_lab.lab import NoLabError, PbxLab, running_lab

CANT = 3


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=None, help="default: standard output")
    parser.add_argument("--leads", type=int, default=30, help="so many are due at any moment")
    parser.add_argument("--peer", choices=("demo", "asterisk"), default="demo")
    parser.add_argument("--only", default="", help="kinds of faults, separated by commas")
    options = parser.parse_args()
    enter_own_mounts([sys.executable, "-m", "tests.chaos", *sys.argv[1:]])
    try:
        with the_lab(options.peer) as lab, open_world(lab) as world:
            return inject(parser, options, world)
    except NoLabError as why:
        sys.stderr.write(f"No run against Asterisk: {why}.\n")
        return CANT


@contextmanager
def the_lab(peer: str) -> Iterator[PbxLab | None]:
    if peer == "demo":
        yield None
        return
    with running_lab("chaos", **ASTERISK) as lab:
        yield lab


def inject(parser: argparse.ArgumentParser, options: argparse.Namespace, world: World) -> int:
    from tests.chaos.faults import FAULTS
    from tests.chaos.run import Run, faults_of

    report = options.report or Path("/dev/stdout")
    only = [kind.strip() for kind in options.only.split(",") if kind.strip()]
    if unknown := set(only) - FAULTS.keys():
        parser.error(f"no fault named {', '.join(unknown)}; there are: {', '.join(FAULTS)}")
    kinds = (only * options.faults)[: options.faults] or faults_of(options.faults, options.seed)
    try:
        wrong = Run(world, options.seed, report, options.leads).go(kinds)
    except BaseException:
        sys.stderr.write(f"{world.processes.report()}\nlogs: {keep_logs(world)}\n")
        raise
    if wrong:
        sys.stderr.write("\n".join([*wrong, f"logs: {keep_logs(world)}", ""]))
    return 1 if wrong else 0


def keep_logs(world: World) -> Path:
    """Of the processes, the servers and the PBX; the folder that they are in now."""
    kept = Path(tempfile.mkdtemp(prefix="dialer-chaos-logs-"))
    shutil.copytree(world.folder / "log", kept / "log")
    shutil.copytree(world.folder / "var" / "log", kept / "servers", dirs_exist_ok=True)
    shutil.copy(world.pbx.log, kept)
    return kept


if __name__ == "__main__":
    sys.exit(main())
