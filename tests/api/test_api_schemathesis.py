"""schemathesis over all operations, as each role, as somebody of another group and as nobody: no 5xx, nothing
outside the schema, nothing of another group.

`make api-report` runs this and writes a line for each operation and asker into `build/api-report.md`.
`EXAMPLES=50` makes a long round: each operation in depth as every role that may do it, with so many random cases.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler

from accounts import tokens
from accounts.models import Role
from tests.api import schema_round
from tests.api.access import ACCESS, OPEN_TO_ALL, ROLES, collection, operations
from tests.api.api_world import World
from tests.api.schema_round import Asker
from tests.factories import make_attempt, make_lead
from tests.web.web_world import SECRET, Side, make_side

LONG = "EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("EXAMPLES", "1"))
SEED = int(os.environ.get("SEED", "1"))
REPORTS = Path(__file__).resolve().parents[2] / "build" / "api-report"

OF_A_GROUP = r".* /api/v1/(users/\{id\}|groups/\{id\}|campaigns/\{\w+\}|attempts/\{\w+\})/.*"
SIGNED_IN = rf"(?!{'|'.join(re.escape(f'{method.upper()} {path}') for path, method in OPEN_TO_ALL)}).*"


def labels() -> tuple[str, ...]:
    return tuple(f"{method.upper()} {path}" for path, method in operations())


def in_depth(letter: str) -> frozenset[str]:
    """The operations that are asked in depth as this role: of those that it may do, all in a long round, else the ones
    that no role of smaller rights before it has been asked."""
    found = set()
    for path, method in operations():
        may = "GASM" if (path, method) in OPEN_TO_ALL else ACCESS[collection(path)][method]
        first = next(role for role in "GASM" if role in may)
        if letter == first or (LONG and letter in may):
            found.add(f"{method.upper()} {path}")
    return frozenset(found)


def askers(world: World, theirs: Side) -> dict[str, Asker]:
    """Each role for the rows of its own group; an administrator and a manager for those of another; nobody."""
    own = world.ids()
    found = {
        role.value: Asker(
            # A Master sees every group and user.
            role.value, tokens.issue(world.users[role]), own, "" if role == Role.MASTER else SECRET,
            operations=labels(), in_depth=in_depth(letter),
        )
        for letter, role in ROLES.items()
    }  # fmt: skip
    foreign = {
        **own, "users": theirs.people[Role.CAMPAIGN_SUPERVISOR].pk, "groups": theirs.group.pk,
        "campaigns": theirs.campaign.pk, "schedules": theirs.schedule.pk, "leads": theirs.lead.pk,
        "upload": theirs.upload.pk, "attempts": theirs.attempt.pk,
    }  # fmt: skip
    for name, role in (("OTHER_GROUP", Role.CAMPAIGN_ADMINISTRATOR), ("OTHER_GROUPS_MANAGER", Role.MANAGER)):
        found[name] = Asker(name, tokens.issue(world.users[role]), foreign, SECRET, OF_A_GROUP, labels())
    found["ANONYMOUS"] = Asker("ANONYMOUS", None, own, SECRET, SIGNED_IN, labels())
    return found


@pytest.fixture
def prompt_server(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a server that sends small answers at once; else Nagle's algorithm and the asker's late
    acknowledgement hold each of them for 40 ms, which is most of a round."""
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    return str(live_server.url)


@pytest.mark.schema
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [*Role.values, "OTHER_GROUP", "OTHER_GROUPS_MANAGER", "ANONYMOUS"])
def test_no_operation_breaks_leaves_the_schema_or_tells_of_another_group(
    name: str, prompt_server: str, tmp_path: Path
) -> None:
    world = World()
    make_attempt(make_lead(world.campaign))  # one that has no result yet
    asker = askers(world, make_side(SECRET, world.queue))[name]
    lines, report = schema_round.run(asker, prompt_server, tmp_path, SEED, EXAMPLES)
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"{name}.txt").write_text(report)
    rows = [
        {"asker": name, "operation": line.operation, "codes": line.codes, "failures": line.failures}
        for line in lines.values()
    ]
    (REPORTS / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert {*labels()} - {*lines} == set(), "every operation was asked"
    assert [(line.operation, dict(line.failures)) for line in lines.values() if line.failures] == []
