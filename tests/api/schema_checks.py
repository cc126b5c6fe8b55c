"""What schemathesis is told to look for besides the schema (its `hooks` module, loaded into its process).

`ROUND_SECRET` stands in every name of the other group; `ROUND_CLOSED` is a pattern of the operations (method and
path) that this asker may not do at all; `ROUND_KNOWN` is what bodies name that must exist, as JSON; `ROUND_OBJECTS`
is what each operation that changes an object finds there; `ROUND_STARTED` is the campaign that may be started.
"""

import itertools
import json
import os
import re
from collections import Counter
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.transport.serialization import Binary

SECRET = os.environ["ROUND_SECRET"].encode()
CLOSED = re.compile(os.environ["ROUND_CLOSED"])
KNOWN = json.loads(os.environ["ROUND_KNOWN"])
OBJECTS = json.loads(os.environ["ROUND_OBJECTS"])
STARTED = json.loads(os.environ["ROUND_STARTED"])
COUNT = itertools.count(1)
CHANGES: Counter[str] = Counter()
FIXED = {"start_date", "end_date", "start_time", "end_time", "weekdays", "time_zone", "date", "type", "queue"}
"""Fields that no change may change, or only two together."""
FILE = Binary(b"Ann Example,+55 41 98301-5031\nBob Example,call me\n")


@schemathesis.hook
def before_call(ctx: Any, case: Case[Any], **kwargs: Any) -> None:
    """What a body names exists, what it makes has a name of its own, and every other file is one: else nearly each is
    refused for that alone, and nothing that comes after is ever asked."""
    if case.operation.label == "POST /api/v1/campaigns/{id}/start/" and STARTED:
        case.path_parameters["id"] = STARTED  # what is started can't be changed any more
    found = OBJECTS.get(case.operation.label, {})
    if found and _is_sent_as_found(case, found):
        return
    body: Any = case.body
    if isinstance(body, Binary):
        case.body = _file(body)
    if not isinstance(body, dict):
        return
    kept = {name: found[name] for name in FIXED & found.keys()}
    for name, known in (KNOWN | kept).items():
        if _is_alike(body.get(name), known):
            body[name] = known
    for key in ("name", "username"):
        if isinstance(given := body.get(key), str) and 0 < len(given) < 40:
            body[key] = f"{given}-{next(COUNT)}"
    number = body.get("phone_number")
    if isinstance(number, str) and number.isdecimal():
        body["phone_number"] = f"55419{next(COUNT):07}"
    if isinstance(body.get("file"), Binary):
        body["file"] = _file(body["file"])


def _is_sent_as_found(case: Case[Any], found: dict[str, Any]) -> bool:
    """Every other change is of the object as it is, by who knows its latest state, so that it succeeds whatever else it
    takes, and its answer is looked at. The others leave alone what can't be changed there."""
    CHANGES[case.operation.label] += 1
    if CHANGES[case.operation.label] % 2 == 0:
        return False
    case.body = dict(found)
    case.headers["If-Match"] = "*"
    return True


def _is_alike(given: Any, known: Any) -> bool:
    """Values of another kind or size, and empty ones, stay, to be refused."""
    return type(given) is type(known) and given not in ("", []) and not (type(given) is int and given > 2**31)


def _file(given: Binary) -> Binary:
    return FILE if next(COUNT) % 2 else given


@schemathesis.check
def nothing_of_another_group(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """No body and no header names the other group, its people or its rows."""
    if SECRET:
        assert SECRET not in response.content, "the answer names something of another group"
        assert SECRET.decode() not in str(response.headers), "a header names something of another group"


@schemathesis.check
def closed_doors_stay_closed(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """What belongs to others is neither shown nor changed: never a 2xx."""
    if CLOSED.fullmatch(case.operation.label):
        assert response.status_code >= 400, f"{response.status_code} where nothing may be done"


@schemathesis.check
def refusals_say_why(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Each 4xx is problem+json with words; a 400 that blames fields gives each a reason (RFC 9457)."""
    if not 400 <= response.status_code < 500 or case.method == "HEAD":
        return
    assert response.headers["content-type"] == ["application/problem+json"], response.headers
    problem = response.json()
    assert problem["detail"].strip(), problem
    assert problem["status"] == response.status_code, problem
    assert all(entry["reason"].strip() for entry in problem["errors"]), problem
    if problem["type"].endswith(":invalid"):
        assert problem["errors"], problem
