"""How soon a stop takes effect: the last INVITE, and the end of what rings, after the click.

    python -m benchmarks stop [--calls 200] [--rounds 3]

All ports ring customers who don't answer, and as each gives up after some seconds the next is dialed at once. Then the
campaign is stopped over the API, as by the button on its page. In half of the rounds the broker was killed a second
before, and comes back two seconds after: nothing may be dialed then either. All moments are taken by the demo PBX and
this process, on one clock. Prints one JSON line in milliseconds after the click; exit status 1 when a goal was missed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.request import Request, urlopen

from benchmarks._chain import Chain, fill, in_flight, leaks, open_chain, until_rest
from benchmarks._goals import goal, tell
from benchmarks._process import load

RINGS_S = 10
"""Seconds until a call that nobody answers is given up."""
WATCHED_S = 4.0
"""Seconds after the stop in which nothing may be dialed."""
BROKER = {"broker_up": True, "broker_down": False}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="of each kind")
    options = parser.parse_args()
    names = ("engine", "calls", "jobs", "beat", "web")
    with open_chain(options.calls, {"ring_timeout_s": 60}, *names, ring_timeout=RINGS_S) as chain:
        click = button(chain)
        rounds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in BROKER}
        for turn in range(options.rounds):
            for kind, is_up in BROKER.items():
                fill(chain, options.calls, RINGS_S, "4", first=len(BROKER) * 10_000 * turn + 10_000 * is_up)
                rounds[kind].append(one_round(chain, click, broker_is_up=is_up))
        left = leaks()
    goals = {}
    for kind, found in rounds.items():
        goals[f"last_invite_ms_{kind}"] = goal(max(one["last_invite_ms"] for one in found), "<=", 1000)
        goals[f"last_cancel_ms_{kind}"] = goal(max(one["last_cancel_ms"] for one in found), "<=", 1000)
        goals[f"still_up_{kind}"] = goal(sum(one["still_up"] for one in found), "==", 0)
        goals[f"least_ringing_{kind}"] = goal(min(one["ringing"] for one in found), ">=", 0.8 * options.calls)
    return tell(goals, rounds=rounds, leaks=left, load=load())


def button(chain: Chain) -> Callable[[], None]:
    """What stops the campaign, as an administrator of its group, over HTTP."""
    from accounts import tokens
    from tests.factories import make_user

    token = tokens.issue(make_user(groups=[chain.campaign.group]))
    url = f"http://127.0.0.1:{chain.web_port}/api/v1/campaigns/{chain.campaign.pk}/"

    def ask(method: str, url: str) -> None:
        with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}, method=method)) as answer:
            assert answer.status == 200, answer.read()

    ask("GET", url)  # who stops a campaign is looking at it
    return partial(ask, "POST", f"{url}stop/")


def one_round(chain: Chain, click: Callable[[], None], *, broker_is_up: bool) -> dict[str, Any]:
    from tests.services import VALKEY

    time.sleep(RINGS_S)  # by now calls end and begin all the time
    ringing = in_flight(chain.campaign)
    if not broker_is_up:
        assert VALKEY.process is not None
        VALKEY.process.kill()
        VALKEY.process.wait()
        time.sleep(1)
    clicked = time.time() * 1000
    click()
    took = time.time() * 1000 - clicked
    time.sleep(WATCHED_S / 2)
    if not broker_is_up:
        VALKEY.process = None
        VALKEY.start()
    time.sleep(WATCHED_S / 2)
    still_up = in_flight(chain.campaign)
    until_rest()
    logged = map(json.loads, chain.log.read_text().splitlines())
    made = [line for line in logged if line["event"] == "call"]
    return {
        "ringing": ringing,
        "click_took_ms": round(took),
        "last_invite_ms": round(max([call["invite_at"] - clicked for call in made] + [0])),
        "last_cancel_ms": round(max(call["ended_at"] - clicked for call in made)),
        "cancelled": sum(call["ended_at"] > clicked for call in made),
        "still_up": still_up,
    }


if __name__ == "__main__":
    sys.exit(main())
