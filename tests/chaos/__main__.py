"""`python -m tests.chaos --faults N [--seed S] [--report FILE] [--only KIND,...]`: a fault-injection run.

The real processes work on a campaign against the demo PBX while one fault after the other hits them. FILE gets a
JSON line a fault (kind, at, recovered_s, wrong), one for the end, and a summary. Exit status 1 when something that
must hold did not; the logs are kept then.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.disk import enter_own_mounts
from tests.chaos.world import World, open_world


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=None, help="default: standard output")
    parser.add_argument("--leads", type=int, default=30, help="so many are due at any moment")
    parser.add_argument("--only", default="", help="kinds of faults, separated by commas")
    options = parser.parse_args()
    enter_own_mounts([sys.executable, "-m", "tests.chaos", *sys.argv[1:]])
    report = options.report or Path("/dev/stdout")
    with open_world() as world:
        from tests.chaos.faults import FAULTS
        from tests.chaos.run import Run, faults_of

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
    if world.pbx is not None:
        shutil.copy(world.pbx.log, kept)
    return kept


if __name__ == "__main__":
    sys.exit(main())
