"""One asker's round of schemathesis over every operation of a running API, and what came of it.

The program runs beside the server, as any client would: what it is told stands in its command line, in a file of
ids that exist (so that more than 404 is tested), and in `schema_checks.py`.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,missing_required_header,unsupported_method,allow_header_conformance,"
    "nothing_of_another_group,closed_doors_stay_closed,refusals_say_why"
)
SCHEMA = "schema.json"
NOTHING = "(?!)"
"""A pattern that matches no operation."""


@dataclass(frozen=True)
class Asker:
    """Who asks, for which rows."""

    name: str
    token: str | None
    ids: dict[str, Any]
    secret: str = ""
    """Stands in every name of the group that this asker has nothing to do with."""
    closed: str = NOTHING
    """Operations (method and path) in which no answer may be 2xx."""
    in_depth: str = NOTHING
    """Operations whose every bound of every field is tried in turn; the others get a case or two."""


@dataclass
class Line:
    """One operation, as one asker."""

    operation: str
    codes: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def cases(self) -> int:
        return self.codes.total()


def run(asker: Asker, url: str, folder: Path, seed: int, examples: int) -> tuple[dict[str, Line], str]:
    """A line for each operation, and the program's own report. Deletions come last: before them there is
    something to read and change."""
    config = folder / "schemathesis.toml"
    config.write_text("\n".join(_config(asker.ids)))
    schema = httpx.get(
        f"{url}/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}, timeout=120
    )
    (folder / SCHEMA).write_text(json.dumps(schema.json()))
    lines: dict[str, Line] = {}
    report = ""
    for part, options in _parts(asker, examples).items():
        events = folder / f"{part}.ndjson"
        done = _schemathesis(asker, url, config, events, "--seed", str(seed), *options)
        report += f"$ {part}\n{done.stdout}{done.stderr}\n"
        for line in _lines(events):
            known = lines.setdefault(line.operation, line)
            if known is not line:
                known.codes += line.codes
                known.failures += line.failures
        if done.returncode not in {0, 1}:
            lines.setdefault("-", Line("-")).failures[f"schemathesis ended with {done.returncode}"] += 1
    return lines, report


def _parts(asker: Asker, examples: int) -> dict[str, list[str]]:
    """What is asked one after another."""
    few = ["--exclude-name-regex", asker.in_depth, "--phases", "fuzzing", "--max-examples", "1"]
    deep = ["--phases", "coverage,fuzzing", "--max-examples", str(examples)]
    parts = {"others": ["--exclude-method", "DELETE", *few]}
    if asker.in_depth != NOTHING:
        parts["deep"] = ["--include-name-regex", f"(?!DELETE).*{asker.in_depth}", *deep]
    if "DELETE" in asker.in_depth:
        parts["deep-deletions"] = ["--include-name-regex", f"DELETE.*{asker.in_depth}", *deep]
    parts["other-deletions"] = ["--include-method", "DELETE", *few]
    for part in ("deep-deletions", "other-deletions"):
        if asker.token and part in parts:  # its own token would be gone with the first one
            parts[part] += ["--exclude-operation-id", "auth_token_destroy"]
    return parts


def _schemathesis(
    asker: Asker, url: str, config: Path, events: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    credentials = ["--header", f"Authorization: Bearer {asker.token}"] if asker.token else []
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config),
            "run", str(config.parent / SCHEMA), "--url", url, "--checks", CHECKS, "--request-timeout", "60",
            "--continue-on-failure", "--no-shrink", "--warnings", "off",
            "--report", "ndjson", "--report-ndjson-path", str(events), *credentials, *options,
        ],
        capture_output=True, text=True, check=False, cwd=config.parent,
        env={**os.environ, "NO_COLOR": "1", "SCHEMATHESIS_HOOKS": "tests.api.schema_checks",
             "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
             "ROUND_SECRET": asker.secret, "ROUND_CLOSED": asker.closed},
    )  # fmt: skip


def _config(ids: dict[str, Any]) -> Iterator[str]:
    """Ids of rows that exist, for the places of each address."""
    yield "[parameters]"
    yield f'"path.campaign_pk" = {ids["campaigns"]}'
    yield f'"path.attempt_pk" = {ids["attempts"]}'
    for name, pk in ids.items():
        tail = "leads/upload" if name == "upload" else name
        key = "number" if name == "numbers" else "id"
        pattern = rf"^/api/v1/(\\S+/)?{tail}/\\{{{key}\\}}"
        yield ""
        yield "[[operations]]"
        yield f'include-path-regex = "{pattern}"'
        yield f'parameters = {{"path.{key}" = {json.dumps(pk)}}}'


def _lines(events: Path) -> Iterator[Line]:
    if not events.exists():
        return
    with events.open(encoding="utf-8") as stream:
        for text in stream:
            event: dict[str, Any] = json.loads(text)
            if found := event.get("ScenarioFinished"):
                yield _line(found["recorder"])
            elif found := event.get("NonFatalError"):
                yield Line(found["label"], failures=Counter([_brief(found["value"])]))
            elif found := event.get("FatalError"):
                yield Line("-", failures=Counter([_brief(found["exception"])]))


def _line(recorder: dict[str, Any]) -> Line:
    line = Line(recorder["label"])
    for interaction in recorder.get("interactions", {}).values():
        line.codes[interaction.get("response", {}).get("status_code", 0)] += 1
    for checks in recorder.get("checks", {}).values():
        for check in checks:
            if check["status"] == "failure":
                line.failures[check["name"]] += 1
    return line


def _brief(error: Any) -> str:
    return re.sub(r"\s+", " ", str(error))[:300]
