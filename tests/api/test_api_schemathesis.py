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


def in_depth(letter: str) -> str:
    """Pattern of the operations that are asked in depth as this role: of those that it may do, all in a long round,
    else the ones that no role of smaller rights before it has been asked."""
    labels = []
    for path, method in operations():
        may = "GASM" if (path, method) in OPEN_TO_ALL else ACCESS[collection(path)][method]
        first = next(role for role in "GASM" if role in may)
        if letter == first or (LONG and letter in may):
            labels.append(f"{method.upper()} {re.escape(path)}")
    return f"({'|'.join(labels)})$" if labels else schema_round.NOTHING


def askers(world: World, theirs: Side) -> dict[str, Asker]:
    """Each role for the rows of its own group; an administrator and a manager for those of another; nobody."""
    own = world.ids()
    found = {
        role.value: Asker(
            # A Master sees every group and user.
            role.value, tokens.issue(world.users[role]), own, "" if role == Role.MASTER else SECRET,
            in_depth=in_depth(letter),
        )
        for letter, role in ROLES.items()
    }  # fmt: skip
    foreign = {
        **own, "users": theirs.people[Role.CAMPAIGN_SUPERVISOR].pk, "groups": theirs.group.pk,
        "campaigns": theirs.campaign.pk, "schedules": theirs.schedule.pk, "leads": theirs.lead.pk,
        "upload": theirs.upload.pk, "attempts": theirs.attempt.pk,
    }  # fmt: skip
    for name, role in (("OTHER_GROUP", Role.CAMPAIGN_ADMINISTRATOR), ("OTHER_GROUPS_MANAGER", Role.MANAGER)):
        found[name] = Asker(name, tokens.issue(world.users[role]), foreign, SECRET, OF_A_GROUP)
    found["ANONYMOUS"] = Asker("ANONYMOUS", None, own, SECRET, SIGNED_IN)
    return found


@pytest.mark.schema
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [*Role.values, "OTHER_GROUP", "OTHER_GROUPS_MANAGER", "ANONYMOUS"])
def test_no_operation_breaks_leaves_the_schema_or_tells_of_another_group(
    name: str, live_server: Any, tmp_path: Path
) -> None:
    world = World()
    make_attempt(make_lead(world.campaign))  # one that has no result yet
    asker = askers(world, make_side(SECRET, world.queue))[name]
    lines, report = schema_round.run(asker, live_server.url, tmp_path, SEED, EXAMPLES)
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"{name}.txt").write_text(report)
    rows = [
        {"asker": name, "operation": line.operation, "codes": line.codes, "failures": line.failures}
        for line in lines.values()
    ]
    (REPORTS / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert len(lines) >= 99, "every operation was asked"
    assert [(line.operation, dict(line.failures)) for line in lines.values() if line.failures] == []
