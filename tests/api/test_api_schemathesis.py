"""schemathesis over all operations, as each role, as somebody of another group and as nobody: no 5xx, nothing
outside the schema, nothing of another group.

`make api-report` runs this and writes a line for each operation and asker into `build/api-report.md`.
`EXAMPLES=50` makes a long round: each operation in depth as every role that may do it, with so many random cases.
"""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from django.utils import timezone

from accounts import tokens
from accounts.models import Role
from campaigns.models import Schedule
from telephony.models import ContactCenter
from tests.api import schema_round
from tests.api.access import ACCESS, OPEN_TO_ALL, ROLES, collection, operations
from tests.api.api_world import World, client_of
from tests.api.schema_round import Asker
from tests.api.test_api_walk import address
from tests.factories import make_attempt, make_campaign, make_lead
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


def changes(letter: str) -> list[tuple[str, str]]:
    """Path and method of what changes an object, as far as the role may do it."""
    return [
        (path, method)
        for path, method in operations()
        if method in {"put", "patch"} and letter in ACCESS[collection(path)][method]
    ]


def objects(letter: str, world: World) -> dict[str, Any]:
    """What each of these finds."""
    client = client_of(world.users[ROLES[letter]])
    return {
        f"{method.upper()} {path}": client.get(address(path, world)).json()
        for path, method in changes(letter)
    }


def ready_for_changes(world: World) -> dict[str, int]:
    """A day that is not over whatever hours it gets, a contact centre with settings; returns the id of a campaign to be
    started in the place of the one that is changed."""
    day = timezone.now() + timedelta(days=3)
    Schedule.objects.filter(pk=world.schedule.pk).update(
        date=day.date(), opens_at=day, closes_at=day + timedelta(hours=1)
    )
    centres = ContactCenter.objects.filter(pk=world.queue.contact_center_id)
    centres.update(settings={"host": "127.0.0.1", "port": 5099})  # without them no change of it is taken
    other = make_campaign(group=world.mine, queue=world.queue, started=False)
    make_lead(other)
    return {"to-start": other.pk}


def askers(world: World, theirs: Side) -> dict[str, Asker]:
    """Each role for the rows of its own group; an administrator and a manager for those of another; nobody."""
    own = world.ids() | ready_for_changes(world)
    found = {
        role.value: Asker(
            # A Master sees every group and user.
            role.value, tokens.issue(world.users[role]), own, "" if role == Role.MASTER else SECRET,
            operations=labels(), in_depth=in_depth(letter), objects=objects(letter, world),
        )
        for letter, role in ROLES.items()
    }  # fmt: skip
    foreign = {
        **own, "users": theirs.people[Role.CAMPAIGN_SUPERVISOR].pk, "groups": theirs.group.pk,
        "campaigns": theirs.campaign.pk, "schedules": theirs.schedule.pk, "leads": theirs.lead.pk,
        "upload": theirs.upload.pk, "attempts": theirs.attempt.pk, "to-start": theirs.campaign.pk,
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
    for letter, role in ROLES.items():
        for path, method in changes(letter) if role == name else ():
            operation = f"{method.upper()} {path}"
            assert lines[operation].codes[200], f"{operation} never succeeded, so nobody looked at its answer"
