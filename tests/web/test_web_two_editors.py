"""Two people edit one campaign: the second is told, on the page and through the API."""

import re

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Role
from campaigns import services
from campaigns.models import Campaign
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


def test_the_second_editor_is_told_on_the_page() -> None:
    campaign = make.make_campaign(started=False)
    ana = make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group])
    client = signed_in(ana)
    address = f"/campaigns/campaign/{campaign.pk}/change/"
    page = client.get(address)
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    values = {name: "" if value is None else value for name, value in values.items()}
    assert re.search(rf'type="hidden" name="seen" value="{values["seen"]}"', page.content.decode())
    services.update_campaign(None, campaign, description="first")
    answer = client.post(address, {**values, "description": "second"})
    assert "Somebody else has changed this campaign" in answer.content.decode()
    assert Campaign.objects.get(pk=campaign.pk).description == "first"


def test_the_second_program_is_told_when_it_says_what_it_has_seen() -> None:
    campaign = make.make_campaign(started=False)
    ana = make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(ana)}")
    address = f"/api/v1/campaigns/{campaign.pk}/"
    etag = client.get(address)["ETag"]
    first = client.patch(address, {"description": "first"}, format="json", HTTP_IF_MATCH=etag)
    assert first.status_code == 200
    second = client.patch(address, {"description": "second"}, format="json", HTTP_IF_MATCH=etag)
    assert second.status_code == 400
    assert "Somebody else" in second.json()["detail"]
    third = client.patch(address, {"description": "third"}, format="json", HTTP_IF_MATCH=first["ETag"])
    assert third.status_code == 200
