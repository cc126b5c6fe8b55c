"""What schemathesis is told to look for besides the schema (its `hooks` module, loaded into its process).

`ROUND_SECRET` stands in every name of the other group; `ROUND_CLOSED` is a pattern of the operations (method and
path) that this asker may not do at all.
"""

import os
import re
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

SECRET = os.environ["ROUND_SECRET"].encode()
CLOSED = re.compile(os.environ["ROUND_CLOSED"])


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
