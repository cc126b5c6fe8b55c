"""Two people edit one thing: the second is told, on every page and through the API.

Uploads have their tests in `test_web_lead_preview` and `dnc/test_dnc_uploads`.
"""

import json
import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Role
from campaigns import services
from campaigns.models import Campaign
from dnc.models import DncRemoval
from telephony.models import ContactCenter
from tests import factories as make
from tests.api.api_world import World, json_client
from tests.web.web_world import make_world, signed_in

pytestmark = pytest.mark.django_db


def values_of(page: Any) -> dict[str, Any]:
    """What the browser would send back of a form."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    words = {
        name: json.dumps(v) if isinstance(v, dict) else "" if v is None else v for name, v in values.items()
    }
    return {"seen": page.context["seen"], **words}


def test_the_second_editor_is_told_on_the_page() -> None:
    campaign = make.make_campaign(started=False)
    ana = make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group])
    client = signed_in(ana)
    address = f"/campaigns/campaign/{campaign.pk}/change/"
    page = client.get(address)
    values = values_of(page)
    assert re.search(rf'type="hidden" name="seen" value="{values["seen"]}"', page.content.decode())
    services.update_campaign(None, campaign, description="first")
    answer = client.post(address, {**values, "description": "second"})
    assert "Somebody else has changed this" in answer.content.decode()
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
    assert (second.status_code, second["Content-Type"]) == (412, "application/problem+json")
    assert "Somebody else" in second.json()["detail"]
    third = client.patch(address, {"description": "third"}, format="json", HTTP_IF_MATCH=first["ETag"])
    assert third.status_code == 200


@pytest.mark.parametrize("role", [Role.MASTER, Role.CAMPAIGN_ADMINISTRATOR])
def test_every_form_tells_the_second_editor_and_takes_the_change_after_a_fresh_look(role: str) -> None:
    """Found by walking the admin classes, so a new form is held to it, too."""
    world = make_world()
    ContactCenter.objects.update(settings={"host": "127.0.0.1", "port": 5199})
    client = signed_in(world.ours.people[role])
    walked = []
    for row in [*world.ours.rows, *world.shared]:
        address = f"/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        page = client.get(address)
        if page.status_code != 200 or not (page.context or {}).get("seen"):
            continue
        walked.append(row._meta.label_lower)
        values = values_of(page)
        answer = client.post(address, {**values, "seen": "0" * 32})
        assert answer.status_code == 200, address
        assert "Somebody else has changed this" in answer.content.decode(), address
    expected = {
        Role.MASTER: {"accounts.user", "groups.dialergroup", "dnc.dncservice", "telephony.dialerport",
                      "telephony.contactcenter", "telephony.queue", "telephony.resultrule"},
        Role.CAMPAIGN_ADMINISTRATOR: {"campaigns.campaign", "campaigns.schedule", "leads.lead"},
    }[Role(role)]  # fmt: skip
    assert expected <= set(walked)


def test_every_object_of_the_api_has_an_etag_and_a_stale_one_is_refused() -> None:
    world = World()
    ContactCenter.objects.update(settings={"host": "127.0.0.1", "port": 5199})
    for role, names in {
        Role.MASTER: ("users", "groups", "dnc/services", "ports", "contact-centers", "queues"),
        Role.CAMPAIGN_ADMINISTRATOR: ("campaigns", "campaigns/{c}/schedules", "campaigns/{c}/leads"),
    }.items():
        client = json_client(world.users[role])
        for name in names:
            pk = world.ids()[name.rpartition("/")[2]]
            address = f"/api/v1/{name.format(c=world.campaign.pk)}/{pk}/"
            tag = client.get(address)["ETag"]
            assert client.patch(address, {}, HTTP_IF_MATCH='"0"').status_code == 412, address
            assert client.patch(address, {}, HTTP_IF_MATCH=f'"0", {tag}').status_code == 200, address


def two_administrators() -> tuple[Campaign, Any, Any]:
    """A stopped campaign that can be started, and the browsers of bob and ana."""
    campaign = make.make_campaign(started=False, name="Spring")
    make.make_lead(campaign)
    make.make_port()
    bob, ana = (
        signed_in(make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group], username=name))
        for name in ("bob", "ana")
    )
    return campaign, bob, ana


def test_of_two_who_change_all_remaining_days_the_second_is_told() -> None:
    campaign, bob, ana = two_administrators()
    address = f"/campaigns/schedule/hours/{campaign.pk}/"
    seen = ana.get(address).context["form"]["seen"].value()
    assert bob.post(address, {"seen": seen, "start_time": "09:00", "end_time": "17:00"}).status_code == 302
    told = ana.post(address, {"seen": seen, "start_time": "10:00", "end_time": "18:00"})
    assert "Somebody else has changed this" in told.content.decode()
    assert {f"{day.start_time:%H}" for day in campaign.schedules.all()} == {"09"}
    fresh = ana.get(address).context["form"]["seen"].value()
    assert ana.post(address, {"seen": fresh, "start_time": "10:00", "end_time": "18:00"}).status_code == 302


def test_who_starts_or_stops_what_somebody_has_started_or_stopped_is_told() -> None:
    campaign, bob, ana = two_administrators()
    start, stop = (f"/campaigns/campaign/{campaign.pk}/{act}/" for act in ("start", "stop"))
    assert "“Spring” is started." in bob.post(start, follow=True).content.decode()
    assert "bob has started “Spring” already." in ana.post(start, follow=True).content.decode()
    script = ana.post(start, headers={"Accept": "application/json"}).json()
    assert (script["tone"], script["words"]) == ("warn", ["bob has started “Spring” already."])
    assert "“Spring” is stopped." in ana.post(stop, follow=True).content.decode()
    assert "ana has stopped “Spring” already." in bob.post(stop, follow=True).content.decode()
    Campaign.objects.update(state="STARTED")
    Campaign.objects.update(state="STOPPED")  # as its last schedule's end does
    campaign.history.all().delete()
    assert "“Spring” is stopped already." in bob.post(stop, follow=True).content.decode()


def test_of_two_who_put_or_take_off_one_number_the_second_is_told() -> None:
    bob, ana = (
        signed_in(make.make_user(Role.MASTER, [], username=name, first_name=name.title()))
        for name in ("bob", "ana")
    )
    number = {"number": "+55 41 8102-1119", "reason": "asked on the phone"}
    bob.post("/dnc/dncnumber/add/", number)
    told = ana.post(
        "/dnc/dncnumber/add/", {**number, "reason": "wrote a letter"}, follow=True
    ).content.decode()
    assert "554181021119 was on the do-not-call list already: bob" in told
    assert "asked on the phone" in told
    address = "/dnc/dncnumber/554181021119/delete/"
    assert bob.post(address, {"reason": "typed wrong"}).status_code == 302
    told = ana.post(address, {"reason": "typed wrong, too"}, follow=True).content.decode()
    assert "bob has taken 554181021119 off the do-not-call list already." in told
    assert DncRemoval.objects.count() == 1
    assert ana.get("/dnc/dncnumber/554181021111/delete/").status_code == 404
