"""`python -m tests.api.schema_report`: the rounds in `build/api-report/` as one table, `build/api-report.md`.

A line for each operation and asker: how many cases, which status codes came, what was wrong. Exits with 1 when
anything was.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

BUILD = Path(__file__).resolve().parents[2] / "build"


def main() -> int:
    rounds = {path.stem: _rows(path) for path in sorted((BUILD / "api-report").glob("*.jsonl"))}
    wrong = sum(bool(row["failures"]) for rows in rounds.values() for row in rows)
    summary = [_summary(asker, rows) for asker, rows in rounds.items()]
    lines = [_line(row) for rows in rounds.values() for row in rows]
    head = "| operation | asked as | cases | codes | failures |\n|---|---|---|---|---|\n"
    (BUILD / "api-report.md").write_text("\n".join([*summary, "", head + "\n".join(lines), ""]))
    sys.stdout.write(
        "\n".join([*summary, f"{wrong} lines with failures; all lines: build/api-report.md", ""])
    )
    return 1 if wrong or not rounds else 0


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return sorted(rows, key=lambda row: (row["operation"].split()[-1], row["operation"]))


def _line(row: dict[str, Any]) -> str:
    codes = ", ".join(f"{code} ({count})" for code, count in sorted(row["codes"].items()))
    failures = ", ".join(f"{name} ({count})" for name, count in row["failures"].items()) or "none"
    return f"| {row['operation']} | {row['asker']} | {sum(row['codes'].values())} | {codes} | {failures} |"


def _summary(asker: str, rows: list[dict[str, Any]]) -> str:
    codes: Counter[str] = Counter()
    for row in rows:
        codes.update(row["codes"])
    seen = ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))
    failed = sum(bool(row["failures"]) for row in rows)
    return f"{asker}: {len(rows)} operations, {codes.total()} cases, {failed} with failures; {seen}"


if __name__ == "__main__":
    raise SystemExit(main())
