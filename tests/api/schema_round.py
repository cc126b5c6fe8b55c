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
_SIGN_OUT = "DELETE /api/v1/auth/token/"
_TAKES_AWAY = re.compile(r"DELETE |POST .*/restore/$")
"""After these there is less to read and change."""


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
    operations: tuple[str, ...] = ()
    """All of them: method and path."""
    objects: dict[str, Any] = field(default_factory=dict)
    """For each operation that changes an object, and that this asker may do: the object as it is read."""
    in_depth: frozenset[str] = frozenset()
    """Those whose every bound of every field is tried in turn; the others get a case or two."""


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
    schema = httpx.get(
        f"{url}/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}, timeout=120
    )
    (folder / SCHEMA).write_text(json.dumps(schema.json()))
    lines: dict[str, Line] = {}
    report = ""
    for part, options in _parts(asker, examples).items():
        events, config = folder / f"{part}.ndjson", folder / f"{part}.toml"
        config.write_text("\n".join(_config(asker.ids, latest=part.startswith("deep"))))
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
    """What is asked one after another, by patterns of operations; the program ends with an error where none fits."""
    kept = [label for label in asker.operations if not _TAKES_AWAY.match(label)]
    taken = [label for label in asker.operations if _TAKES_AWAY.match(label) and label != _SIGN_OUT]
    few = ["--phases", "fuzzing", "--max-examples", "1"]
    deep = ["--phases", "coverage,fuzzing", "--max-examples", str(examples)]
    wanted = {
        "others": ([label for label in kept if label not in asker.in_depth], few),
        "deep": ([label for label in kept if label in asker.in_depth], deep),
        "deep-deletions": ([label for label in taken if label in asker.in_depth], deep),
        "other-deletions": ([label for label in taken if label not in asker.in_depth], few),
        "sign-out": ([_SIGN_OUT], few),  # the asker's token is gone with it
    }
    return {
        part: ["--include-name-regex", f"^({'|'.join(map(re.escape, labels))})$", *options]
        for part, (labels, options) in wanted.items()
        if labels
    }


def _schemathesis(
    asker: Asker, url: str, config: Path, events: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    credentials = ["--header", f"Authorization: Bearer {asker.token}"] if asker.token else []
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config),
            "run", str(events.parent / SCHEMA), "--url", url, "--checks", CHECKS, "--request-timeout", "60",
            "--continue-on-failure", "--no-shrink", "--warnings", "off",
            "--report", "ndjson", "--report-ndjson-path", str(events), *credentials, *options,
        ],
        capture_output=True, text=True, check=False, cwd=events.parent,
        env={**os.environ, "NO_COLOR": "1", "SCHEMATHESIS_HOOKS": "tests.api.schema_checks",
             "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
             "ROUND_SECRET": asker.secret, "ROUND_CLOSED": asker.closed,
             "ROUND_KNOWN": json.dumps(_known(asker.ids)), "ROUND_OBJECTS": json.dumps(asker.objects),
             "ROUND_STARTED": json.dumps(asker.ids.get("to-start"))},
    )  # fmt: skip


def _config(ids: dict[str, Any], latest: bool) -> Iterator[str]:
    """Ids of rows that exist, for the places of each address. `latest`: changes say that they know the latest state;
    else nearly each is refused with 412 before a field is looked at."""
    yield "[auth]"
    yield "auto-signup = false"  # nobody becomes somebody else; version 4.32.5 also fails on our sign-in's forms
    yield ""
    yield "[parameters]"
    if latest:
        yield '"header.If-Match" = "*"'
    yield f'"path.campaign_pk" = {ids["campaigns"]}'
    yield f'"path.attempt_pk" = {ids["attempts"]}'
    for name, pk in ids.items():
        if name == "to-start":
            continue
        tail = "leads/upload" if name == "upload" else name
        key = "number" if name == "numbers" else "id"
        pattern = rf"^/api/v1/(\\S+/)?{tail}/\\{{{key}\\}}"
        yield ""
        yield "[[operations]]"
        yield f'include-path-regex = "{pattern}"'
        yield f'parameters = {{"path.{key}" = {json.dumps(pk)}}}'


def _known(ids: dict[str, Any]) -> dict[str, Any]:
    """What bodies name that must exist."""
    return {
        "group": ids["groups"], "groups": [ids["groups"]], "queue": ids["queues"], "carrier": ids["carriers"],
        "contact_center": ids["contact-centers"], "dnc_service": ids["services"], "time_zone": "America/Sao_Paulo",
        "end_time": "23:30:00", "url": "https://dnc.example.org/donotcall", "password": "as long as it takes, 7 times", "weekdays": [1, 2, 3, 4, 5, 6, 7],
    }  # fmt: skip


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
