"""The five languages: offered by their own names, with the terms of the field, in formats of the language."""

import re

import pytest
from django.test import Client

from accounts.models import Role
from tests import factories as make
from tests.web.web_world import make_world, signed_in

pytestmark = pytest.mark.django_db

TERMS = {
    "pt": ("Campanhas", "Secretária eletrônica", "Fila", "Não perturbe"),
    "fr": ("Campagnes", "répondeur", "File d’attente", "liste d’opposition"),
    "es": ("Campañas", "contestador", "Cola", "lista de no llamar"),
    "de": ("Kampagnen", "Anrufbeantworter", "Warteschlange", "Sperrlistendienst"),
}


def test_the_sign_in_page_offers_five_languages_by_their_own_names() -> None:
    page = Client().get("/login/").content.decode()
    choice = re.search(r'<select name="language".*?</select>', page, re.DOTALL)
    assert choice is not None
    names = [name.strip() for name in re.findall(r"<option[^>]*>([^<]+)", choice[0])]
    assert names == ["English", "Português", "Français", "Español", "Deutsch"]


@pytest.mark.parametrize("language", TERMS)
def test_the_campaign_form_speaks_the_terms_of_the_field(language: str) -> None:
    client = signed_in(make_world().ours.people[Role.CAMPAIGN_ADMINISTRATOR])
    client.post("/i18n/setlang/", {"language": language, "next": "/"})
    page = client.get("/campaigns/campaign/add/").content.decode().replace("&#x27;", "'").lower()
    assert f'lang="{language}"' in page
    for term in TERMS[language]:
        assert term.lower() in page, term


@pytest.mark.parametrize("language", TERMS)
def test_every_page_of_a_campaign_opens_in_every_language(language: str) -> None:
    world = make_world()
    client = signed_in(world.ours.people[Role.CAMPAIGN_ADMINISTRATOR])
    client.post("/i18n/setlang/", {"language": language, "next": "/"})
    base = f"/campaigns/campaign/{world.ours.campaign.pk}"
    for address in ("/", "/campaigns/campaign/", f"{base}/change/", f"{base}/summary/", "/leads/lead/"):
        assert client.get(address).status_code == 200, address


def test_a_refused_sign_in_is_told_in_german() -> None:
    user = make.make_user()
    answer = Client().post("/login/", {"username": user.username, "password": "x", "language": "de"})
    assert "Benutzername oder Passwort ist falsch" in answer.content.decode()
