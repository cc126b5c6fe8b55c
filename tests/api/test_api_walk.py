"""I9: every operation of the API, asked by all roles, by users of another group, and by nobody."""

import re
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Role
from tests.api.access import ACCESS, BOUND_TO_GROUPS, OPEN_TO_ALL, ROLES, collection, operations
from tests.api.api_world import World, client_of


def address(path: str, world: World) -> str:
    """`path` with the ids of the world's rows."""
    ids = world.ids()
    path = path.replace("{campaign_pk}", str(ids["campaigns"]))
    path = path.replace("dnc/numbers/upload/{id}", f"dnc/numbers/upload/{ids['number-upload']}")
    return re.sub(r"([\w-]+)/\{\w+\}", lambda part: f"{part[1]}/{ids[part[1]]}", path)


def ask(client: Any, method: str, url: str) -> Any:
    """The answer; what the request changed is taken back."""
    with transaction.atomic():
        answer = getattr(client, method)(url, data=None if method == "get" else {}, format="json")
        transaction.set_rollback(True)
    return answer


@pytest.fixture
def world(db: None) -> World:
    return World()


def test_each_operation_lets_in_the_roles_of_the_specification_and_nobody_else(world: World) -> None:
    clients = {letter: client_of(world.users[role]) for letter, role in ROLES.items()}
    wrong = []
    for path, method in operations():
        if (path, method) in OPEN_TO_ALL:
            continue
        may = ACCESS[collection(path)][method]
        for letter, client in clients.items():
            code = ask(client, method, address(path, world)).status_code
            fine = code in {200, 201, 204, 400, 409, 415} if letter in may else code == 403
            if path.startswith("/api/v1/dnc/numbers/upload/{") and letter in "GA":
                fine = code == 404  # somebody else's upload
            if not fine:
                wrong.append(f"{letter} {method} {path}: {code}")
    assert wrong == []


def test_nobody_without_signing_in(world: World) -> None:
    client = client_of(None)
    for path, method in operations():
        if (path, method) not in OPEN_TO_ALL:
            answer = ask(client, method, address(path, world))
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), path


def test_rows_of_another_group_are_not_there(world: World) -> None:
    """Guessed ids of another group: 404 where the role may, 403 where it may not, never the row (I9)."""
    clients = {letter: client_of(world.others[role]) for letter, role in ROLES.items() if letter != "M"}
    asked = 0
    for path, method in operations():
        if "{" not in path or not collection(path).startswith(BOUND_TO_GROUPS):
            continue
        for letter, client in clients.items():
            code = ask(client, method, address(path, world)).status_code
            expected = 404 if letter in ACCESS[collection(path)][method] else 403
            body_first = method == "post" and path.endswith(("/upload/", "/preview/")) and code == 415
            assert code == expected or body_first, f"{letter} {method} {path}: {code}"
            asked += 1
    assert asked > 60


def test_lists_and_searches_show_nothing_of_another_group(world: World) -> None:
    for letter, role in ROLES.items():
        client = client_of(world.others[role])
        for name in BOUND_TO_GROUPS:
            if letter == "M" or letter not in ACCESS[name]["get"]:
                continue
            for query in ("", f"?search={world.campaign.name[:4]}", "?page_size=1000"):
                rows = client.get(f"/api/v1/{name}/{query}").json()["results"]
                assert world.ids()[name] not in {row["id"] for row in rows}, (letter, name, query)


def test_an_address_outside_the_schema_is_404_with_or_without_a_slash(world: World) -> None:
    client = client_of(world.users[Role.MASTER])
    assert client.get("/api/v1/users").status_code == client.get("/api/v1/users/").status_code == 200
    for url in ("/api/", "/api/v1/", "/api/v1/nothing", "/api/v1/users/x/", f"/api/v1/users/{10**30}/"):
        answer = client.get(url)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json"), url
