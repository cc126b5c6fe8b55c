"""Leads per second from a CSV file to committed, and the memory of the process that imports.

    python -m benchmarks.lead_import [--rows 1000000] [--compare 5000]

One row in twenty repeats an earlier number, one in a hundred has none. Prints one JSON line: `rows_per_s`,
`peak_rss_mb` of the importing process, the parts in seconds, and beside it import-export's bulk path on `--compare`
rows in the same run with the ratio of the two. The file goes through `leads.uploads`, as the jobs worker does it.
"""

import argparse
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._goals import goal, tell
from benchmarks._servers import servers


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--compare", type=int, default=5_000, help="rows through import-export; 0: none")
    parser.add_argument("--country", default="BR", help="default country of the campaign (empty: none)")
    options = parser.parse_args()

    with servers(durable=True):
        figures = measure(options.rows, options.compare, options.country)
    goals = {
        "rows_per_s": goal(figures["rows_per_s"], ">=", 50_000),
        "peak_rss_mb": goal(figures["peak_rss_mb"], "<=", 150),
    }
    if options.compare:
        goals["ratio"] = goal(figures["ratio"], ">=", 30)
    return tell(goals, **figures)


def measure(rows: int, compare: int, country: str) -> dict[str, Any]:
    from leads import uploads
    from leads.models import LeadUpload
    from tests.factories import make_campaign
    from uploads import kept_files

    campaign = make_campaign(started=False, default_country=country)
    upload = LeadUpload.objects.create(campaign=campaign, file_name="leads.csv", state="WAITING")
    file = kept_files.path_of(upload)
    file.parent.mkdir(exist_ok=True)
    write_file(file, rows)
    LeadUpload.objects.update(size=file.stat().st_size)
    before = peak_mb()
    began = time.monotonic()
    uploads.run_waiting()
    seconds = time.monotonic() - began
    upload = LeadUpload.objects.defer("refused_rows").get()
    peak = peak_mb()
    figures: dict[str, Any] = {
        "rows": rows,
        "seconds": round(seconds, 2),
        "rows_per_s": round(rows / seconds),
        "peak_rss_mb": peak,
        "rss_before_mb": before,
        "state": upload.state,
        "added": upload.added,
        "duplicate": upload.duplicate,
        "invalid": upload.invalid,
        "load_1m": round(os.getloadavg()[0], 1),
    }
    if compare:
        other = import_export_rows_per_s(make_campaign(started=False), compare)
        figures |= {
            "import_export_rows": compare,
            "import_export_rows_per_s": round(other),
            "ratio": round(rows / seconds / other, 1),
        }
    return figures


def lines(rows: int) -> Any:
    """Name, number and description of each row."""
    rng = random.Random(1)
    earlier: list[str] = []
    for n in range(rows):
        number = f"{rng.randrange(11, 100)}9{rng.randrange(10**8):08}"
        if n % 100 == 50:
            number = "call me"
        elif n % 20 == 7 and earlier:
            number = rng.choice(earlier)
        elif len(earlier) < 1000:
            earlier.append(number)
        yield f"Mary Silvester {n}", number, "customer since 2019"


def write_file(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in lines(rows):
            file.write(",".join(row) + "\n")


def import_export_rows_per_s(campaign: Any, rows: int) -> float:
    """Its bulk path, with everything switched off that can be."""
    from import_export import resources
    from tablib import Dataset  # type: ignore[import-untyped]

    from leads.models import Lead

    class LeadResource(resources.ModelResource):  # type: ignore[misc]
        class Meta:
            model = Lead
            fields = ("name", "phone_number", "description", "campaign")
            import_id_fields = ("phone_number", "campaign")
            use_bulk = True
            batch_size = 1000
            skip_diff = True
            report_skipped = False
            use_transactions = True

    data = Dataset(headers=["name", "phone_number", "description", "campaign"])
    seen: set[str] = set()
    for row in lines(rows):
        if row[1].isdigit() and row[1] not in seen:
            seen.add(row[1])
            data.append([*row, campaign.pk])
    began = time.monotonic()
    LeadResource().import_data(data, dry_run=False, raise_errors=True)
    assert Lead.objects.filter(campaign=campaign).count() == len(seen)
    return len(seen) / (time.monotonic() - began)


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
