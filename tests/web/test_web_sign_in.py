"""Sign-in, languages, what each role sees in the sidebar, health pages and headers."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Role
from dialer_project import translations
from dialer_project.catalogue import (
    Entry,
    messages_in_python,
    messages_in_template,
    read_po,
    write_mo,
    write_po,
)
from tests import factories as make
from tests.web.test_web_lockout import put_clock_back
from tests.web.web_world import make_world, signed_in

pytestmark = pytest.mark.django_db


def test_sign_in_with_a_language_leads_to_the_overview_in_that_language() -> None:
    user = make.make_user(first_name="Ana", last_name="Souza")
    client = Client()
    values = {"username": user.username, "password": make.PASSWORD, "language": "pt"}
    answer = client.post("/login/?next=/", values)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    page = client.get("/").content.decode()
    assert 'lang="pt"' in page
    for words in ("Visão geral", "Campanhas", "Ana Souza", "Administrador de campanha", "Sair"):
        assert words in page
    assert client.post("/logout/").status_code in {200, 302}
    assert client.get("/").status_code == 302


def test_a_wrong_password_is_refused_in_the_chosen_language() -> None:
    user = make.make_user()
    answer = Client().post("/login/", {"username": user.username, "password": "x", "language": "pt"})
    assert answer.status_code == 200
    assert "Usuário ou senha incorretos" in answer.content.decode()


def test_without_next_the_sign_in_leads_to_the_overview() -> None:
    user = make.make_user()
    answer = Client().post(
        "/login/", {"username": user.username, "password": make.PASSWORD, "language": "en"}
    )
    assert answer["Location"] == "/"


def test_sign_in_needs_its_token_and_sends_nobody_elsewhere() -> None:
    user = make.make_user()
    values = {"username": user.username, "password": make.PASSWORD}
    assert Client(enforce_csrf_checks=True).post("/login/", values).status_code == 403
    assert Client().post("/login/?next=https://evil.example/", values)["Location"] == "/"


def test_the_language_can_be_switched_while_signed_in() -> None:
    client = signed_in(make.make_user())
    client.post("/i18n/setlang/", {"language": "pt", "next": "/"})
    assert "Campanhas" in client.get("/").content.decode()
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    assert "Campaigns" in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("role", "seen", "hidden"),
    [
        (
            Role.MASTER,
            ["/accounts/user/", "/telephony/dialerport/", "/dnc/dncremoval/", "/leads/evidencepolicy/"],
            ["/campaigns/", "/leads/lead", "/leads/callattempt/", "/detection/"],
        ),
        (
            Role.MANAGER,
            ["/accounts/user/", "/groups/", "/dnc/dncnumber/"],
            ["/campaigns/", "/telephony/dialerport/"],
        ),
        (Role.CAMPAIGN_ADMINISTRATOR, ["/campaigns/campaign/", "/leads/lead/"], ["/accounts/", "/groups/"]),
        (
            Role.CAMPAIGN_SUPERVISOR,
            ["/campaigns/campaign/", "/campaigns/schedule/", "/detection/"],
            ["/leads/", "/accounts/"],
        ),
    ],
)
def test_the_sidebar_shows_what_the_role_may_see(role: Role, seen: list[str], hidden: list[str]) -> None:
    world = make_world()
    page = signed_in(world.ours.people[role]).get("/").content.decode()
    for address in seen:
        assert f'href="{address}' in page, address
    for address in hidden:
        assert f'href="{address}' not in page, address


@pytest.mark.parametrize(
    ("role", "address"),
    [
        (Role.CAMPAIGN_ADMINISTRATOR, "/"),
        (Role.MASTER, "/"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/campaigns/campaign/"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/campaigns/schedule/"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/leads/lead/?campaign__id__exact={campaign}"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/leads/lead/?campaign__id__exact={campaign}&q=e"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/leads/leadupload/"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/leads/callattempt/"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/campaigns/campaign/{campaign}/summary/"),
        (Role.CAMPAIGN_ADMINISTRATOR, "/live/?campaigns={campaign}"),
        (Role.MASTER, "/dnc/dncnumber/"),
        (Role.MASTER, "/dnc/dncservice/"),
        (Role.MASTER, "/accounts/user/"),
        (Role.MASTER, "/groups/dialergroup/"),
        (Role.MASTER, "/telephony/dialerport/"),
        (Role.MASTER, "/telephony/contactcenter/"),
        (Role.MASTER, "/telephony/queue/"),
    ],
)
def test_a_page_takes_at_most_twelve_queries_whatever_it_lists(
    role: Role, address: str, django_assert_max_num_queries: object
) -> None:
    world = make_world()
    side = world.ours
    for number in range(12):
        campaign = make.make_campaign(
            group=side.group, queue=side.campaign.queue, name=f"Campaign no {number}"
        )
        make.make_attempt(make.make_lead(campaign))
        make.make_user(Role.CAMPAIGN_SUPERVISOR, [side.group])
        make.make_port()
    client = signed_in(side.people[role])
    put_clock_back(client, 2)  # the page notes the use of its session
    with django_assert_max_num_queries(12) as counted:  # type: ignore[operator]
        assert client.get(address.format(campaign=side.campaign.pk)).status_code == 200
    print(f"{len(counted):2} queries  {role:24} {address}")  # noqa: T201 - the figure for the record


# --- health and headers -----------------------------------------------------------------------------------


def test_healthz_says_the_process_is_up() -> None:
    assert Client().get("/healthz").json() == {"status": "up"}


def test_readyz_names_each_part_and_is_503_until_all_work() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert set(parts) == {"database", "broker", "engine", "ports"}
    assert parts["database"]["ok"]
    assert not parts["engine"]["ok"]


def test_readyz_sees_the_leaders_lock() -> None:
    from django.db import connection

    from dialing.engine.leader import LOCK

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    assert Client().get("/readyz").json()["parts"]["engine"]["ok"]


def test_pages_allow_no_other_host() -> None:
    policy = Client().get("/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("status", [403, 404])
def test_error_pages_speak_the_users_language(status: int) -> None:
    client = signed_in(make.make_user(Role.CAMPAIGN_SUPERVISOR))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "pt"
    answer = client.get("/accounts/user/" if status == 403 else "/campaigns/campaign/999/summary/")
    assert answer.status_code == status
    assert ("Não permitido" if status == 403 else "Não encontrado") in answer.content.decode()


# --- catalogues -------------------------------------------------------------------------------------------

LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_is_translated(language: str) -> None:
    missing = translations.missing(language)
    assert not missing, "run `manage.py translations` and fill in: " + "; ".join(map(repr, missing.items()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_catalogue_is_compiled_from_the_source(language: str) -> None:
    compiled = translations.po_file(language).with_suffix(".mo").read_bytes()
    assert compiled == translations.compile_catalogue(language), "run `manage.py translations`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_message(language: str) -> None:
    import re

    _header, entries = read_po(translations.po_file(language).read_text(encoding="utf-8"))
    marks = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
    for entry in entries:
        for text in entry.translations:
            assert set(marks.findall(text)) == set(marks.findall(entry.message)), entry


def test_strings_are_found_in_python_and_templates_whatever_their_form() -> None:
    source = 'f(_("a" "b"), ngettext("one", "many", n), pgettext("c", "m"), gettext_lazy("l"), _(name))'
    assert set(messages_in_python(source)) == {
        ("", "ab", ""),
        ("", "one", "many"),
        ("c", "m", ""),
        ("", "l", ""),
    }
    template = (
        "{% load i18n %}{% translate 'It\\'s' %}{{ _('x') }}{% blocktranslate trimmed %}\n a\n b {{ n }}"
        "{% endblocktranslate %}{% blocktranslate count n=n %}one{% plural %}many{% endblocktranslate %}"
    )
    found = set(messages_in_template(template))
    assert {("", "x", ""), ("", "a b %(n)s", ""), ("", "one", "many")} <= found


def test_a_catalogue_survives_writing_and_reading() -> None:
    entries = [
        Entry(message='say "x"\nand \\ y', translations=["ä\n€"]),
        Entry(context="c", message="m", plural="ms", translations=["1", "2"]),
        Entry(message="open", translations=[""], fuzzy=True),
    ]
    header = "Content-Type: text/plain; charset=UTF-8\n"
    assert read_po(write_po(header, entries)) == (header, entries)
    import gettext
    import io

    catalogue = gettext.GNUTranslations(io.BytesIO(write_mo(header, entries)))
    assert catalogue.gettext('say "x"\nand \\ y') == "ä\n€"
    assert catalogue.npgettext("c", "m", "ms", 5) == "2"
    assert catalogue.gettext("open") == "open"
