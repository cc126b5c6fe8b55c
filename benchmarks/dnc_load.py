"""How long `manage.py load_dnc` takes for a do-not-call list of ten million numbers, and one check in it.

    python -m benchmarks.dnc_load [--numbers 10000000]

Prints one JSON line: seconds of the load into an empty list, of a load with --replace, and in microseconds the
p50 and p99 of a look-up at rest; `longest_wait_ms` is the longest look-up while the list was being replaced.
"""

import argparse
import json
import os
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", type=int, default=10_000_000)
    options = parser.parse_args()

    from tests import services  # its own servers in a folder of their own

    os.environ["DJANGO_SETTINGS_MODULE"] = "dialer_project.settings"
    services.POSTGRES.durable = True  # as in production
    try:
        services.start_postgres()
        print(json.dumps(measure(options.numbers, services.VAR)))
    finally:
        services.pytest_unconfigure()


def measure(count: int, folder: Path) -> dict[str, object]:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from dnc.models import DncNumber

    file = folder / "dnc.csv"
    rng = random.Random(1)
    with file.open("w") as out:
        for _ in range(count):
            out.write(f"55{rng.randrange(10**10):010}\n")
    with open(os.devnull, "w") as quiet:
        began = time.monotonic()
        call_command("load_dnc", str(file), stdout=quiet)
        empty = time.monotonic() - began
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
        "replace_s": round(replaced, 2),
        "check_p50_us": round(cuts[49] * 1e6),
        "check_p99_us": round(cuts[98] * 1e6),
        "longest_wait_ms": round(max(waits) * 1000, 1),
        "load_1m": round(os.getloadavg()[0], 1),
    }


def look_up(rng: Any) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute("SELECT 1 FROM dnc_dncnumber WHERE number = %s", [55 * 10**10 + rng.randrange(10**10)])
        cursor.fetchone()
        return time.perf_counter() - began


def keep_asking(waits: list[float], stop: threading.Event) -> None:
    from django.db import connection

    rng = random.Random(2)
    while not stop.wait(0.05):
        waits.append(look_up(rng))
    connection.close()


if __name__ == "__main__":
    main()
