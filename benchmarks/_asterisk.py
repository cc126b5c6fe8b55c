"""The whole chain against a real Asterisk: the PBX lab's customers, its IVR as the campaign's pilot number."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._chain import Chain, carried, make_ivr_campaign, make_ports
from benchmarks._process import cpu_seconds
from benchmarks._servers import servers

NAMES = ("engine", "calls", "jobs", "beat", "web")
"""Of our processes: all that an installation has."""
LAB_NAMES = ("asterisk", "carrier")
ROOM = 1000
"""Channels of the IVR: it never holds a call up."""


@contextmanager
def open_asterisk_chain(calls: int, *, ring_s: float, amd: bool = True) -> Iterator[tuple[Chain, Any]]:
    """`calls` ports; yields the chain and the lab. `tests.pbx_lab.lab.NoLabError` where there can be none."""
    from tests.pbx_lab.lab import running_lab

    lab_settings = {"PBX_PORTS": calls, "IVR_CHANNELS": ROOM, "RING_MS": round(ring_s * 1000)}
    with running_lab("bench", ivr_is_brief=True, **lab_settings) as lab, servers(broker=True):
        from telephony.models import ContactCenter

        make_ports(calls, lab.sip_port)
        ivr = {"pilot": "8000", "channels": ROOM, "context": "from-dialer", "extension": "8000"}
        campaign = make_ivr_campaign(
            {"kind": ContactCenter.Kind.ASTERISK_AMI, "settings": {**lab.sign_in, "ivrs": {"menu": ivr}}},
            name="menu",
            ring_timeout=round(ring_s) + 10,
            amd_enabled=amd,
        )
        folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
        with carried(campaign, folder, calls, *NAMES) as chain:
            yield chain, lab


def lab_cpu(lab: Any) -> dict[str, float]:
    """Seconds of processor that Asterisk and the customers have used."""
    return {name: cpu_seconds(lab.pid(name)) for name in LAB_NAMES}


def server_cpu() -> dict[str, float]:
    """The same of PostgreSQL and Valkey."""
    from benchmarks._process import family
    from tests.services import POSTGRES, VALKEY

    assert POSTGRES.process is not None
    assert VALKEY.process is not None
    # of PostgreSQL those of its processes that live: connections last as long as ours do
    return {
        "postgres": sum(map(cpu_seconds, family(POSTGRES.process.pid))),
        "valkey": cpu_seconds(VALKEY.process.pid),
    }
