"""pyVoIP's part of `sip_pyvoip`: runs under pyVoIP's own Python, and imports nothing of this project.

    VENV/bin/python benchmarks/_pyvoip_calls.py PORT CALLS SECONDS

Places the calls one after the other, waits until they are answered, and counts over SECONDS. Prints one JSON line.
"""

import importlib
import json
import os
import statistics
import sys
import time
import warnings
from collections import Counter
from typing import Any

HOST = "127.0.0.1"
ANSWER_WITHIN_S = 20.0


def main(port: int, calls: int, seconds: float) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    voip, rtp = importlib.import_module("pyVoIP.VoIP"), importlib.import_module("pyVoIP.RTP")
    heard: Counter[int] = Counter()
    parse = rtp.RTPClient.parse_packet

    def counted(client: Any, packet: bytes) -> None:
        heard[id(client)] += 1
        parse(client, packet)

    rtp.RTPClient.parse_packet = counted
    phone = voip.VoIPPhone(
        HOST, port, "6001", "x", myIP=HOST, sipPort=0, rtpPortLow=40000, rtpPortHigh=40000 + 4 * calls
    )
    phone.sip.register = lambda: True  # the peer is no registrar, and registering is not what is measured
    phone.start()
    phone.sip.myPort = phone.sip.s.getsockname()[1]
    placed = [_place(phone, number) for number in range(calls)]
    up = _answered(placed, voip.CallState.ANSWERED)
    clients = [client for call in up for client in call.RTPClients]
    time.sleep(1)
    before = [(heard[id(c)], c.outSequence) for c in clients]
    cpu, begin = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    frames_in = [(heard[id(c)] - b[0]) / took for c, b in zip(clients, before, strict=True)]
    frames_out = [(c.outSequence - b[1]) / took for c, b in zip(clients, before, strict=True)]
    return {
        "answered": len(up),
        "held": sum(frames > 40 for frames in frames_in),
        "frames_in_per_s": _spread(frames_in),
        "frames_out_per_s": _spread(frames_out),
        "cpu_cores": round(cpu / took, 3),
        "threads": len(os.listdir("/proc/self/task")),
    }


def _place(phone: Any, number: int) -> Any:
    call = phone.call(f"06{number:08}")
    time.sleep(0.03)
    return call


def _answered(calls: list[Any], state: Any) -> list[Any]:
    until = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < until and not all(call.state == state for call in calls):
        time.sleep(0.1)
    return [call for call in calls if call.state == state]


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"mean": 0.0, "least": 0.0}
    return {"mean": round(statistics.fmean(values), 1), "least": round(min(values), 1)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))), flush=True)
    os._exit(0)  # its threads would hold the process
