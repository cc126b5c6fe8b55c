"""How long `manage.py load_dnc` takes for a do-not-call list of ten million numbers, and one check in it.

    python -m benchmarks.dnc_load [--numbers 10000000]

Prints one JSON line: seconds of the load into an empty list, of a load with --replace, and in microseconds the
p50 and p99 of a look-up at rest; `longest_wait_ms` is the longest look-up while the list was being replaced.
`requests_per_s` is of `POST /donotcall` at the product's web server, asked by four connections of this process for
`--seconds`, with the longest and the p99 of an answer. `first_page_ms` and `beginning_ms` are the list's first page
and its search for the first digits, as page and API ask for them. `cpu_s` is of the load: this process and PostgreSQL.
"""

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks._goals import goal, tell
from benchmarks._process import cpu_seconds
from benchmarks._servers import servers

_HEAD = b"POST /donotcall HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()

    with servers(durable=True) as folder:
        figures = measure(options.numbers, folder, options.seconds)
    goals = {
        "load_s": goal(figures["load_s"], "<=", 30),
        "check_p99_us": goal(figures["check_p99_us"], "<=", 1000),
        "requests_per_s": goal(figures["requests_per_s"], ">=", 1000),
        "first_page_ms": goal(figures["first_page_ms"], "<=", 150),
        "beginning_ms": goal(figures["beginning_ms"], "<=", 150),
    }
    return tell(goals, **figures)


def measure(count: int, folder: Path, seconds: float) -> dict[str, Any]:
    from django.core.management import call_command

    from dnc.models import DncNumber

    file = folder / "dnc.csv"
    rng = random.Random(1)
    with file.open("w") as out:
        for _ in range(count):
            out.write(f"55{rng.randrange(10**10):010}\n")
    with open(os.devnull, "w") as quiet:
        began, cpu = time.monotonic(), cpu_of_load()
        call_command("load_dnc", str(file), stdout=quiet)
        empty, cpu = time.monotonic() - began, cpu_of_load() - cpu
        times = [look_up(rng) for _ in range(5000)]
        waits, stop = [0.0], threading.Event()
        reader = threading.Thread(target=keep_asking, args=(waits, stop))
        reader.start()
        began = time.monotonic()
        call_command("load_dnc", str(file), "--replace", stdout=quiet)
        replaced = time.monotonic() - began
        stop.set()
        reader.join()
    cuts = statistics.quantiles(times, n=100)
    return {
        "numbers": count,
        "listed": DncNumber.objects.count(),
        "load_s": round(empty, 2),
        "cpu_s": round(cpu, 2),
        "replace_s": round(replaced, 2),
        "check_p50_us": round(cuts[49] * 1e6),
        "check_p99_us": round(cuts[98] * 1e6),
        "longest_wait_ms": round(max(waits) * 1000, 1),
        "first_page_ms": page_ms(""),
        "beginning_ms": page_ms("5511"),
        **requests(seconds),
        "load_1m": round(os.getloadavg()[0], 1),
    }


def look_up(rng: Any) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute("SELECT 1 FROM dnc_dncnumber WHERE number = %s", [55 * 10**10 + rng.randrange(10**10)])
        cursor.fetchone()
        return time.perf_counter() - began


def cpu_of_load() -> float:
    """Seconds of processor of this process and of its connection's."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return time.process_time() + cpu_seconds(cursor.fetchone()[0])


def page_ms(digits: str) -> float:
    """Median of five times reading 25 numbers that begin so; as page and API do, which count the first 500, too."""
    from dnc.models import DncNumber
    from dnc.selectors import first_beginning_with

    times = []
    for _ in range(5):
        began = time.perf_counter()
        rows = DncNumber.objects.order_by("number")
        found = rows.filter(pk__in=first_beginning_with(digits, 500)) if digits else rows
        assert len(found[:25]) == 25
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 1)


def requests(seconds: float) -> dict[str, Any]:
    """The web server as `manage.py up` starts it, and its answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "1"]
    command += ["--blocking-threads", "8", "--no-ws", "dialer_project.wsgi:application"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + 60
            while not answers(port) and time.monotonic() < until:
                time.sleep(0.1)
            times: list[float] = []
            askers = [threading.Thread(target=ask, args=(port, seconds, n, times)) for n in range(4)]
            began = time.monotonic()
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()
            took = time.monotonic() - began
        finally:
            server.terminate()
    return {
        "requests_per_s": round(len(times) / took),
        "request_p99_ms": round(statistics.quantiles(times, n=100)[98] * 1000, 1),
        "request_longest_ms": round(max(times) * 1000, 1),
    }


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def ask(port: int, seconds: float, seed: int, times: list[float]) -> None:
    """Asks over one connection, in bytes that cost the generator little: it shares the machine with the server."""
    rng = random.Random(seed)
    until = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as wire:
        while time.monotonic() < until:
            body = b'{"number": "%d"}' % (55 * 10**10 + rng.randrange(10**10))
            began = time.perf_counter()
            wire.sendall(_HEAD % (len(body), body))
            answer = wire.recv(4096)
            while b"}" not in answer:
                answer += wire.recv(4096)
            times.append(time.perf_counter() - began)
            assert answer.startswith(b"HTTP/1.1 200"), answer


def keep_asking(waits: list[float], stop: threading.Event) -> None:
    from django.db import connection

    rng = random.Random(2)
    while not stop.wait(0.05):
        waits.append(look_up(rng))
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
