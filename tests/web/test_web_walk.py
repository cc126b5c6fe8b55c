"""Invariant I9 in the admin site: every address and every admin class, as every role, as somebody of another
group and as nobody. A new page without scope fails here.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.http import FileResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import scope
from accounts.models import Role
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm
from tests.web.web_world import MODELS, SECRET, make_world, signed_in

pytestmark = pytest.mark.django_db

OPEN = {"/login/", "/logout/", "/healthz", "/readyz", "/metrics", "/donotcall", "/i18n/setlang/", "/jsi18n/"}
"""Answered without a sign-in; none of them shows a row."""


def addresses() -> Iterator[str]:
    """Every address of the web application as a pattern; the API has its own walk."""

    def below(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            address = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from below(pattern, address)
            elif isinstance(pattern, URLPattern):
                yield address

    return (f"/{address}" for address in below(get_resolver(), "") if not address.startswith("api/"))


def fill(pattern: str, row: Model) -> str | None:
    """The pattern with the row's id, if it is an address of that row's kind."""
    opts = row._meta
    if not pattern.startswith(f"/{opts.app_label}/{opts.model_name}/"):
        return None
    address = pattern
    for name in ("<path:object_id>", "<int:pk>"):
        address = address.replace(name, str(row.pk))
    return None if address == pattern or "<" in address else address


METHODS = ("post", "put", "patch", "delete")


def write(client: Client, method: str, address: str) -> Any:
    """Asks for a change, as far as one can without knowing the form. A file that is answered instead is read to its end."""
    response = getattr(client, method)(address, {"post": "yes", "password": "x"})
    if isinstance(response, FileResponse):
        response.getvalue()
    return response


def without_row(pattern: str) -> str | None:
    found = pattern.replace("^(?P<app_label>accounts|campaigns|dnc|groups|leads|telephony)/$", "campaigns/")
    return None if "<" in found or "(" in found else found.rstrip("$")


def test_every_admin_class_has_the_scoped_base_and_a_service_form() -> None:
    registered = admin.site._registry
    assert set(registered) >= set(MODELS)
    for model, model_admin in registered.items():
        assert isinstance(model_admin, ScopedModelAdmin), model
        assert model._meta.label_lower in scope.RIGHTS, f"nobody may see {model._meta.label}"
        may_write = any(
            {scope.Action.ADD, scope.Action.CHANGE} & rights
            for rights in scope.RIGHTS[model._meta.label_lower].values()
        )
        if may_write:
            assert issubclass(model_admin.form, ServiceForm), model


def test_nobody_sees_a_page_without_signing_in() -> None:
    world = make_world()
    client = Client()
    for pattern in addresses():
        rows = [*world.theirs.rows, *world.shared]
        found = {without_row(pattern), *(fill(pattern, row) for row in rows)} - {None}
        for address in found:
            assert address is not None
            answer = client.get(address)
            if address in OPEN:
                assert answer.status_code in {200, 302, 405, 503}, address
            else:
                assert answer.status_code == 302, (address, answer.status_code)
                assert answer["Location"].startswith("/login/"), address


@pytest.mark.parametrize("role", Role.values)
def test_every_address_without_a_row_answers_each_role(role: str) -> None:
    world = make_world()
    client = signed_in(world.ours.people[role])
    for pattern in addresses():
        address = without_row(pattern)
        if address is None or address == "/logout/":
            continue
        answer = client.get(address)
        assert answer.status_code in {200, 302, 403, 404, 405, 503}, (address, answer.status_code)
        said = answer.getvalue()
        assert role == Role.MASTER or SECRET.encode() not in said, f"{role} reads {SECRET} on {address}"


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.MASTER])
def test_guessed_ids_of_another_group_give_404_or_403_and_change_nothing(role: str) -> None:
    world = make_world()
    client = signed_in(world.ours.people[role])
    before = [(row, type(row)._default_manager.values().get(pk=row.pk)) for row in world.theirs.rows]
    for pattern in addresses():
        for row in world.theirs.rows:
            address = fill(pattern, row)
            if address is None:
                continue
            answers = [client.get(address), *(write(client, method, address) for method in METHODS)]
            if answers[0].status_code == 302:  # the old-style link to the change page
                answers = [client.get(answers[0]["Location"])]
            for answer in answers:
                assert answer.status_code in {403, 404, 405}, (role, address, answer.status_code)
                assert SECRET not in answer.content.decode(), address
    for row, values in before:
        assert type(row)._default_manager.values().get(pk=row.pk) == values


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.CAMPAIGN_ADMINISTRATOR])
def test_no_address_changes_what_the_role_may_not_change(role: str) -> None:
    """Own rows and shared ones; a Campaign Supervisor may change none of them."""
    world = make_world()
    user = world.ours.people[role]
    client = signed_in(user)
    writes = {scope.Action.ADD, scope.Action.CHANGE, scope.Action.DELETE, scope.Action.OPERATE}
    models = [model for model in MODELS if not any(scope.may(user, action, model) for action in writes)]
    assert len(models) == {"MASTER": 6, "MANAGER": 12, "CAMPAIGN_SUPERVISOR": len(MODELS)}[role]

    def kept() -> list[Any]:
        return [list(model._default_manager.order_by("pk").values()) for model in models]

    before = kept()
    for pattern in addresses():
        rows = [row for row in [*world.ours.rows, *world.shared] if type(row) in models]
        for address in {without_row(pattern), *(fill(pattern, row) for row in rows)} - {None, "/logout/"}:
            for method in METHODS:
                code = write(client, method, str(address)).status_code
                assert code in {200, 302, 400, 403, 404, 405}, (role, method, address, code)
    assert kept() == before


@pytest.mark.parametrize("role", Role.values)
def test_own_rows_follow_the_table_of_rights(role: str) -> None:
    world = make_world()
    user = world.ours.people[role]
    client = signed_in(user)
    for row in [*world.ours.rows, *world.shared]:
        model = type(row)
        base = f"/{model._meta.app_label}/{model._meta.model_name}/"
        seen = scope.may(user, scope.Action.VIEW, model)
        assert client.get(base).status_code == (200 if seen else 403), (role, base)
        change = client.get(f"{base}{row.pk}/change/").status_code
        assert change == (200 if scope.allowed(user, scope.Action.VIEW, row) else 403 if not seen else 404), (
            role,
            base,
        )
        added = client.get(f"{base}add/").status_code
        by_upload_only = model._meta.label_lower == "leads.lead"
        may_add = scope.may(user, scope.Action.ADD, model) and not by_upload_only
        assert added == (200 if may_add else 403), (role, base)


@pytest.mark.parametrize("role", [Role.MASTER, Role.CAMPAIGN_ADMINISTRATOR])
def test_searches_filters_and_odd_queries_never_fail(role: str) -> None:
    world = make_world()
    client = signed_in(world.ours.people[role])
    queries = [
        {"q": "9" * 400},
        {"q": "\x00'\"%"},
        {"p": "x"},
        {"o": "99.-99"},
        {"campaign__id__exact": str(world.theirs.campaign.pk)},
        {"campaign__id__exact": "9" * 30},
        {"group__users__password": "x"},
        {"e": "1"},
    ]
    for model in MODELS:
        base = f"/{model._meta.app_label}/{model._meta.model_name}/"
        for query in queries:
            answer = client.get(base, query)
            assert answer.status_code in {200, 302, 400, 403}, (base, query, answer.status_code)
            if role != Role.MASTER and "q" not in query:
                assert SECRET not in answer.content.decode(), (base, query)


@pytest.mark.parametrize("role", Role.values)
def test_live_figures_are_of_visible_campaigns_only(role: str) -> None:
    world = make_world()
    client = signed_in(world.ours.people[role])
    ours, theirs = world.ours.campaign.pk, world.theirs.campaign.pk
    figures = client.get("/live/", {"campaigns": f"{ours},{theirs},x,{'9' * 30}"}).json()
    assert not any(key.startswith(f"c{theirs}.") for key in figures)
    sees = scope.may(world.ours.people[role], scope.Action.VIEW, type(world.ours.campaign))
    assert any(key.startswith(f"c{ours}.") for key in figures) == sees


def test_a_user_without_an_enabled_group_loses_the_open_session() -> None:
    world = make_world()
    client = signed_in(world.ours.people[Role.CAMPAIGN_ADMINISTRATOR])
    assert client.get("/campaigns/campaign/").status_code == 200
    world.ours.group.enabled = False
    world.ours.group.save()
    assert client.get("/campaigns/campaign/").status_code == 302
    assert client.get("/live/").status_code == 302
