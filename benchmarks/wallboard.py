"""The wallboard in Chromium while many calls are in flight: what it shows, and what an event costs.

    python -m benchmarks wallboard [--calls 100] [--shot build/wallboard.png] [--dark]

A queue of the demo PBX with more agents than calls; customers of all kinds, most of whom let it ring for long. Prints one
JSON line: the calls that the page shows and those that the database has open at that moment, rows of agents, bytes of an
event and milliseconds of its answers. `--shot` keeps a picture of the whole page.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._chain import PARTS, Chain, add_leads, carried, make_ports
from benchmarks._goals import goal, tell
from benchmarks._process import load
from benchmarks._servers import servers

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "what the wall may see"
CUSTOMERS: dict[str, Any] = {
    "ring_s": [6, 25],
    "refuse_after_s": [4, 12],
    "by_last_digit": {
        **dict.fromkeys("01234", "human"),
        "5": "no_answer",
        "6": "busy",
        "7": "declined",
        "8": "machine",
        "9": "human",
    },
}
TIMES = {"answer_s": [0.5, 2], "talk_s": [5, 20], "wrap_up_s": [3, 10]}
WATCHED = 20
"""Events whose answers are timed."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--shot", type=Path, help="where to keep the picture")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    agents = 2 * options.calls
    with servers(broker=True):
        from telephony.demo_pbx.process import DemoPbxProcess

        folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
        with DemoPbxProcess(folder / "pbx") as pbx:
            ready = pbx.start(_pbx(agents))
            make_ports(agents, ready.sip_port)
            campaign = _campaign(ready)
            with carried(campaign, folder, agents, *PARTS, "web") as chain:
                add_leads(campaign, 0, 100 * agents, "0123456789")
                chain.start()
                _until_in_flight(options.calls)
                found = look(chain, options)
    goals = {
        "calls_shown": goal(found.pop("calls_shown"), ">=", options.calls),
        "agents_listed": goal(found.pop("agents_listed"), "==", agents),
    }
    return tell(goals, **found, load=load())


def _pbx(agents: int) -> dict[str, Any]:
    names = [{"id": str(7001 + n), "name": f"Agent {n + 1}"} for n in range(agents)]
    return {
        "users": {str(6001 + n): f"pw{6001 + n}" for n in range(agents)},
        "customers": CUSTOMERS,
        "queues": {"sales": {"pilot": "700", "agents": names, **TIMES}},
    }


def _campaign(ready: Any) -> Any:
    from telephony.models import Queue
    from tests.factories import make_campaign, make_contact_center

    center = make_contact_center(settings={"host": ready.host, "port": ready.events_port})
    queue = Queue.objects.create(contact_center=center, name="sales", pilot_number="700")
    return make_campaign(
        name="Spring offer", queue=queue, pilot_number="700", started=False, amd_enabled=True
    )


def _until_in_flight(calls: int) -> None:
    deadline = time.monotonic() + 120
    while _in_flight() < 1.1 * calls:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{_in_flight()} of {calls} calls were in flight")
        time.sleep(0.2)
    time.sleep(15)  # so that results, transfers and wrap-ups are there too


def _in_flight() -> int:
    from leads.models import CallAttempt

    return CallAttempt.objects.filter(ended_at=None).count()


def look(chain: Chain, options: Any) -> dict[str, Any]:
    """Signs in as a supervisor, opens the wallboard, and reads what it shows."""
    from playwright.sync_api import sync_playwright

    from accounts.models import Role
    from tests.factories import make_user

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    viewer = make_user(Role.CAMPAIGN_SUPERVISOR, [chain.campaign.group], password=PASSWORD)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            base_url=f"http://127.0.0.1:{chain.web_port}",
            viewport={"width": 1600, "height": 1000},
            color_scheme="dark" if options.dark else "light",
        )
        page.set_default_timeout(30_000)
        page.goto("/login/")
        page.fill("input[name=username]", viewer.username)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_load_state()
        page.goto("/wallboard/")
        page.wait_for_selector("#w-names li")
        time.sleep(3)
        shown = [
            int(words.replace(",", ""))
            for words in page.locator("[data-call]").all_inner_texts()
            if words != "–"
        ]
        figures: dict[str, Any] = {
            "calls_shown": sum(shown),
            "calls_in_database": _in_flight(),
            "agents_listed": page.locator("#w-names li").count(),
        }
        if options.shot is not None:
            options.shot.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(options.shot), full_page=True)
            figures["shot"] = str(options.shot)
        times: list[float] = []
        for _ in range(WATCHED):
            began = time.perf_counter()
            answer = page.request.get("/wallboard/events/")
            times.append(1000 * (time.perf_counter() - began))
            figures["event_bytes"] = len(answer.body())
            time.sleep(0.5)
        browser.close()
    return {
        **figures,
        "event_ms_median_longest": [round(sorted(times)[WATCHED // 2], 1), round(max(times), 1)],
    }


if __name__ == "__main__":
    sys.exit(main())
