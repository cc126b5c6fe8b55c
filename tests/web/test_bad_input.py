"""What goes wrong between people and a form: each time words in their language, and nothing half done.

docs/bad-input.md has the whole table; the cases that have files of their own are named there.
"""

import io
import threading
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.db.models import Model
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Role, User
from campaigns import services
from campaigns.models import Campaign, Schedule
from dialer_project.wsgi import application
from dnc.models import DncNumber
from leads.models import Lead, LeadUpload
from tests import factories as make
from tests.api.access import OPEN_TO_ALL, operations
from tests.api.api_world import World, campaign_fields, client_of, json_client
from tests.api.test_api_walk import address as api_address
from tests.patience import PATIENCE
from tests.web.test_web_campaigns import form
from tests.web.test_web_two_editors import values_of
from tests.web.test_web_walk import addresses, fill, without_row
from tests.web.web_world import make_world, signed_in

pytestmark = pytest.mark.django_db

ROWS = b"Ana,554183015031\nRui,554183015032\n"
BROKE_OFF = "A conexão foi interrompida"
LONG = "N" * 10_000


@pytest.fixture
def ana() -> User:
    return make.make_user(Role.CAMPAIGN_ADMINISTRATOR)


@pytest.fixture
def campaign(ana: User) -> Campaign:
    return make.make_campaign(group=ana.dialer_groups.get(), started=False)


def in_portuguese(user: User, **options: Any) -> Client:
    client = signed_in(user, **options)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "pt"
    return client


# --- half uploads ---------------------------------------------------------------------------------------


def cut_off(request: Any, at: bytes, **headers: str) -> tuple[int, str]:
    """What the web server's application answers when the body ends after `at`."""
    environ = {**request.environ, "HTTP_ACCEPT_LANGUAGE": "pt", **headers}
    whole = environ["wsgi.input"].read()
    assert len(whole) == int(environ["CONTENT_LENGTH"])
    environ["wsgi.input"] = io.BytesIO(whole[: whole.index(at) + len(at)])
    codes: list[int] = []
    signals = (request_started, request_finished)
    for signal in signals:  # as Django's client does: the connection is in the test's transaction
        signal.disconnect(close_old_connections)
    try:
        answer: Any = application(environ, lambda status, _headers: codes.append(int(status.split()[0])))
        text = b"".join(answer).decode()
        answer.close()
    finally:
        for signal in signals:
            signal.connect(close_old_connections)
    return codes[0], text


@pytest.mark.parametrize("as_form", [True, False])
def test_half_an_upload_to_the_api_adds_nothing(ana: User, campaign: Campaign, as_form: bool) -> None:
    """The last row of half a file was taken for a lead, with half a number."""
    url = f"/api/v1/campaigns/{campaign.pk}/leads/upload/"
    file = io.BytesIO(ROWS)
    file.name = "leads.csv"
    factory = RequestFactory()
    as_body = factory.post(url, ROWS, content_type="text/csv")
    request = factory.post(url, {"file": file}) if as_form else as_body
    token = f"Bearer {tokens.issue(ana)}"
    code, text = cut_off(request, b"Rui,5541", HTTP_AUTHORIZATION=token)
    assert code == 400
    assert BROKE_OFF in text
    assert not Lead.objects.exists()
    assert not LeadUpload.objects.exists()


def test_half_an_upload_to_the_page_adds_nothing(ana: User, campaign: Campaign) -> None:
    file = io.BytesIO(ROWS)
    file.name = "leads.csv"
    client = in_portuguese(ana)
    client.get("/leads/leadupload/add/")
    token = client.cookies["csrftoken"].value
    values = {"csrfmiddlewaretoken": token, "campaign": campaign.pk, "file": file}
    request = RequestFactory().post("/leads/leadupload/add/", values)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    code, text = cut_off(request, b"Rui,5541", HTTP_COOKIE=cookies)
    assert code == 403
    assert BROKE_OFF in text
    assert not Lead.objects.exists()
    assert not LeadUpload.objects.exists()


# --- large files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/leads/leadupload/add/", "/dnc/dncupload/add/"])
def test_a_file_beyond_the_limit_is_refused_beside_its_field(
    ana: User, campaign: Campaign, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.received_file.MAX_UPLOAD", len(ROWS) - 1)
    file = io.BytesIO(ROWS)
    file.name = "leads.csv"
    answer = in_portuguese(ana).post(page, {"campaign": campaign.pk, "file": file})
    assert answer.status_code == 200
    assert "O arquivo é maior que 0 MB" in answer.content.decode()
    assert [model.objects.count() for model in (Lead, LeadUpload, DncNumber)] == [0, 0, 0]


# --- two at once ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_uploads_at_once_by_page_and_api_add_each_number_once() -> None:
    ana = make.make_user(Role.CAMPAIGN_ADMINISTRATOR)
    campaign = make.make_campaign(group=ana.dialer_groups.get(), started=False)
    rows = b"".join(b"Lead %d,5541%08d\n" % (n, n) for n in range(300))
    page, program = signed_in(ana), APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(ana)}")
    together = threading.Barrier(2)
    codes: list[int] = []

    def file() -> io.BytesIO:
        content = io.BytesIO(rows)
        content.name = "leads.csv"
        return content

    def send(client: Any, url: str, values: dict[str, Any]) -> None:
        together.wait(PATIENCE)
        codes.append(client.post(url, values).status_code)
        connection.close()

    held = page.post("/leads/leadupload/add/", {"campaign": campaign.pk, "file": file()})["Location"]
    chosen = {"name": 1, "number": 2, "description": 0, "header": 0, "encoding": "utf-8", "import": ""}
    both = [
        threading.Thread(target=send, args=(page, held, chosen)),
        threading.Thread(
            target=send, args=(program, f"/api/v1/campaigns/{campaign.pk}/leads/upload/", {"file": file()})
        ),
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(codes) == [201, 302]
    uploads = LeadUpload.objects.values_list("added", "duplicate", "invalid")
    assert sorted(uploads) == [(0, 300, 0), (300, 0, 0)]
    assert Lead.objects.filter(campaign=campaign).count() == 300


# --- long names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.MASTER, Role.CAMPAIGN_ADMINISTRATOR])
def test_names_of_ten_thousand_characters_are_refused_by_every_form(role: Role) -> None:
    world = make_world()
    client = in_portuguese(world.ours.people[role])
    walked = 0
    for row in [*world.ours.rows, *world.shared]:
        address = f"/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        page = client.get(address)
        names = [name for name in ("name", "username", "extension", "text") if name in values_or_none(page)]
        if not names:
            continue
        before = type(row)._default_manager.values().get(pk=row.pk)
        answer = client.post(address, {**values_of(page), **dict.fromkeys(names, LONG)})
        assert answer.status_code == 200, address
        assert "no máximo" in str(answer.context["adminform"].form.errors), address
        assert type(row)._default_manager.values().get(pk=row.pk) == before
        walked += 1
    assert walked >= 2


def values_or_none(page: Any) -> dict[str, Any]:
    """The fields of the page's form; none where it has no form that can be sent."""
    seen = page.status_code == 200 and (page.context or {}).get("seen")
    return values_of(page) if seen else {}


def test_names_of_ten_thousand_characters_are_refused_by_the_api() -> None:
    world = World()
    for role, names in {
        Role.MASTER: {"users": "username", "groups": "name", "ports": "extension", "carriers": "name",
                      "contact-centers": "name", "queues": "name", "dnc/services": "name"},
        Role.CAMPAIGN_ADMINISTRATOR: {"campaigns": "name", f"campaigns/{world.campaign.pk}/leads": "name"},
    }.items():  # fmt: skip
        client = json_client(world.users[role])
        for name, field in names.items():
            pk = world.ids()[name.rpartition("/")[2]]
            answer = client.patch(f"/api/v1/{name}/{pk}/", {field: LONG}, HTTP_ACCEPT_LANGUAGE="pt")
            assert answer.status_code == 400, name
            (error,) = answer.json()["errors"]
            assert error["field"] == field
            assert "mais de" in error["reason"] or "no máximo" in error["reason"], error


# --- times across midnight ------------------------------------------------------------------------------


def test_hours_across_midnight_are_refused_at_every_form(ana: User, campaign: Campaign) -> None:
    words = "O fim deve ser depois do início, no mesmo dia."
    night = {"start_time": "22:00", "end_time": "06:00"}
    day = campaign.schedules.get()
    page, program = in_portuguese(ana), json_client(ana)
    for url, values in (
        ("/campaigns/campaign/add/", form(ana, make.make_queue(), **night)),
        (f"/campaigns/schedule/{day.pk}/change/", night),
    ):
        answer = page.post(url, values)
        assert answer.status_code == 200, url
        assert words in str(answer.context["adminform"].form.errors), url
    body = campaign_fields(campaign.group, make.make_queue(), **night)
    below = f"/api/v1/campaigns/{campaign.pk}/schedules"
    for method, url, sent in (
        ("post", "/api/v1/campaigns/", body),
        ("patch", f"{below}/{day.pk}/", night),
        ("post", f"{below}/remaining/", night),
    ):
        answer = getattr(program, method)(url, sent, HTTP_ACCEPT_LANGUAGE="pt")
        assert answer.status_code == 400, url
        assert words in {error["reason"] for error in answer.json()["errors"]}, url
    assert list(Campaign.objects.all()) == [campaign]
    kept = Schedule.objects.get(pk=day.pk)
    assert (kept.start_time, kept.end_time) == (day.start_time, day.end_time)


# --- stale pages ----------------------------------------------------------------------------------------


def test_a_page_of_something_that_is_gone_says_so(ana: User, campaign: Campaign) -> None:
    """Two browsers: in one it was deleted, in the other its form is still open."""
    lead, day = make.make_lead(campaign), campaign.schedules.get()
    page, program = in_portuguese(ana), json_client(ana)
    open_forms = {}
    for row in (lead, day, campaign):
        url = f"/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        open_forms[url] = values_of(page.get(url))
    services.delete_campaign(ana, campaign)
    for url, values in open_forms.items():
        answer = page.post(url, values, follow=True)
        assert answer.status_code in {200, 404}, url
        assert any(words in answer.content.decode() for words in ("não existe", "Não encontrado")), url
    for url in (f"/api/v1/campaigns/{campaign.pk}/", f"/api/v1/campaigns/{campaign.pk}/leads/{lead.pk}/"):
        told = program.patch(url, {"name": "x"}, HTTP_ACCEPT_LANGUAGE="pt")
        assert (told.status_code, told.json()["type"]) == (404, "urn:dialer:problem:not_found")
        assert told.json()["detail"] == "Não encontrado."


def test_a_button_of_an_old_page_says_what_is_so_by_now(ana: User, campaign: Campaign) -> None:
    make.make_lead(campaign)
    make.make_port()
    page, program = in_portuguese(ana), json_client(ana)
    address = f"/campaigns/campaign/{campaign.pk}"
    open_form = values_of(page.get(f"{address}/change/"))
    assert program.post(f"/api/v1/campaigns/{campaign.pk}/start/").status_code == 200

    again = page.post(f"{address}/start/", follow=True)
    assert again.status_code == 200
    saved = page.post(f"{address}/change/", {**open_form, "name": "Too late"})
    deleted = page.post(f"{address}/delete/", {"post": "yes"}, follow=True)
    assert saved.status_code == 403
    for answer in (saved, deleted):
        assert "A campanha está iniciada" in answer.content.decode()
    late = program.patch(f"/api/v1/campaigns/{campaign.pk}/", {"name": "Too late"}, HTTP_ACCEPT_LANGUAGE="pt")
    assert late.status_code == 400
    assert "A campanha está iniciada" in late.json()["detail"]
    kept = Campaign.objects.get()
    assert (kept.is_started, kept.name) == (True, campaign.name)


# --- no CSRF token --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.MASTER, Role.CAMPAIGN_ADMINISTRATOR])
def test_no_form_of_any_page_is_taken_without_its_token(role: Role) -> None:
    world = make_world()
    client = in_portuguese(world.ours.people[role], enforce_csrf_checks=True)
    rows: list[Model] = [*world.ours.rows, *world.shared]
    before = [(row, type(row)._default_manager.values().get(pk=row.pk)) for row in rows]
    asked = 0
    for pattern in addresses():
        found = {without_row(pattern), *(fill(pattern, row) for row in rows)} - {None, "/donotcall"}
        for address in found:
            answer = client.post(str(address), {"post": "yes"})
            assert answer.status_code == 403, (address, answer.status_code)
            assert "Página desatualizada" in answer.content.decode(), address
            asked += 1
    assert asked > 80
    for row, values in before:
        assert type(row)._default_manager.values().get(pk=row.pk) == values


def test_no_operation_takes_a_session_without_the_token() -> None:
    world = World()
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    for path, method in operations():
        if method == "get" or path == "/api/v1/auth/token/" or (path, method) in OPEN_TO_ALL:
            continue
        answer = getattr(browser, method)(api_address(path, world), {}, format="json")
        assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json"), path
        assert "CSRF" in answer.json()["detail"], path
    assert client_of(world.users[Role.CAMPAIGN_ADMINISTRATOR]).get("/api/v1/campaigns/").json()["count"] == 1
