"""`python -m tests.looks`: the demo in build/looks/, and a picture of every page in build/shots/LOOK/PAGE.png."""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialer_project.processes.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
_ENOUGH = re.compile(r"Demo \w+ .* machine ([3-9]|\d\d)")
"""The live line of a demo that has results of most kinds."""


@contextmanager
def demo(var: Path, port: int) -> Iterator[None]:
    """The demo, until it has called enough for the pages to show something."""
    var.mkdir(parents=True, exist_ok=True)
    said = var.parent / "demo.log"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=PROJECT,
            env={**os.environ, "WEB_PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 180
        while not _ENOUGH.search(said.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The demo did not get under way:\n{said.read_text()}")
            time.sleep(0.5)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def take(base_url: str, var: Path, out: Path, only: str, looks: list[str]) -> int:
    """Pictures of the pages whose name contains `only`; the number of pages that had nothing to show."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    os.environ["DJANGO_SETTINGS_MODULE"] = "dialer_project.settings"
    import django

    django.setup()
    from accounts import one_at_a_time
    from campaigns import deletion
    from dialer_project.demo.people import USERS
    from groups.models import DialerGroup
    from telephony.models import Queue
    from tests.looks.camera import LOOKS, camera, taken
    from tests.looks.extras import make_extras, make_leaving
    from tests.looks.pages import PAGES

    group, queue = DialerGroup.objects.get(name="Demo"), Queue.objects.get(name="sales")
    make_extras(group, queue)
    kept = json.loads((var / "demo-passwords.json").read_text())
    passwords = {str(role): (name, kept[name]) for name, role, *_ in USERS}
    pages = [page for page in PAGES if only in page.name]
    missing = 0
    # What is being deleted stays until its pictures are taken: the demo's jobs worker waits.
    with one_at_a_time.alone(deletion.LOCK), camera(base_url, passwords) as chromium:
        make_leaving(group, queue)
        for look in LOOKS:
            for role in sorted({page.role for page in pages} if look.name in looks else ()):
                with chromium.at(role, look) as sheet:
                    missing += sum(
                        not taken(sheet, page, look, out / look.name / f"{page.name}.png")
                        for page in pages
                        if page.role == role
                    )
    return missing


def main() -> int:
    parser = argparse.ArgumentParser(prog="looks", description=__doc__)
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--looks", default="light,dark,narrow")
    parser.add_argument("--running", metavar="URL", help="a demo that runs already, on DIALER_VAR")
    options = parser.parse_args()
    out = PROJECT / "build" / "shots"
    if options.running:
        var = Path(os.environ.get("DIALER_VAR", PROJECT / "var"))
        return take(options.running, var, out, options.only, options.looks.split(","))
    var = PROJECT / "build" / "looks" / "var"
    os.environ["DIALER_VAR"] = str(var)
    port = free_port("127.0.0.1", 8000, socket.SOCK_STREAM)
    with demo(var, port):
        return take(f"http://127.0.0.1:{port}", var, out, options.only, options.looks.split(","))


if __name__ == "__main__":
    sys.exit(main())
