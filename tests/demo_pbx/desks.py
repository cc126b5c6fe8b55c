"""One PBX with many queues and IVRs: each test has an agent and a channel that nobody else uses."""

import time
from typing import Any

from tests.patience import PATIENCE

from .pbx_under_test import PbxUnderTest, quick
from .raw_phone import RawCall, RawPhone

DESKS = 16


def desks_config() -> dict[str, Any]:
    sales = {"answer_s": 0.1, "talk_s": 0.4, "wrap_up_s": 0.4, "max_wait_s": 5}
    ivr = {"channels": 1, "answer_s": 0.05, "talk_s": 0.5}
    numbers = range(DESKS)
    queues = {f"sales{n}": {**sales, "pilot": f"70{n:02}", "agents": [{"id": f"71{n:02}"}]} for n in numbers}
    return quick() | {"queues": queues, "ivrs": {f"ivr{n}": {**ivr, "pilot": f"80{n:02}"} for n in numbers}}


class Desk:
    """A queue with one agent, and an IVR with one channel."""

    def __init__(self, pbx: PbxUnderTest, number: int) -> None:
        self.pbx = pbx
        self.queue, self.pilot, self.agent = f"sales{number}", f"70{number:02}", f"71{number:02}"
        self.ivr, self.ivr_pilot = f"ivr{number}", f"80{number:02}"
        self.customer = f"0600{number:02}0"  # a human

    def agent_log(self) -> list[dict[str, Any]]:
        return self.pbx.log("agent", id=self.agent)

    def agent_states(self) -> list[str]:
        return [line["state"] for line in self.agent_log()]

    def wait_for(self, state: str) -> None:
        """Until the agent's last change was to this state."""
        deadline = time.monotonic() + PATIENCE
        while self.agent_states()[-1:] != [state]:
            assert time.monotonic() < deadline, self.agent_states()
            time.sleep(0.02)

    def load(self) -> tuple[int, int]:
        """Callers that wait for the agent, and busy channels."""
        places = {place["name"]: place for place in self.pbx.feed.command("snapshot")["queues"]}
        return places[self.queue]["waiting_callers"], places[self.ivr]["channels_busy"]

    def transferred(self, phone: RawPhone, pilot: str | None = None) -> RawCall:
        """The customer's call, answered and referred to the pilot (or another one); the 202 is in."""
        call = phone.dial(self.customer)
        assert phone.refer(call, pilot or self.pilot) == 202
        return call


def notified(phone: RawPhone, timeout: float = PATIENCE) -> str:
    """The next NOTIFY's sipfrag and subscription state, answered with 200."""
    notify = phone.incoming("NOTIFY", timeout)
    assert notify.header("Event") == "refer"
    assert notify.header("Content-Type") == "message/sipfrag;version=2.0"
    state = notify.header("Subscription-State").partition(";")[0]
    return f"{notify.body.strip()} ({state})"
