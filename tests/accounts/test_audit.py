"""Who changed what and when: every change that a person makes is on record, the engine's own are not."""

import io
from datetime import time, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as users
from accounts import tokens
from accounts.models import Change, Role, User
from campaigns import services as campaigns
from dnc import services as dnc
from groups import services as groups
from leads import services as leads
from leads import uploads
from telephony import configuration, result_table
from telephony.models import DialerPort, ResultRule
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


def story() -> list[tuple[str, str, str]]:
    """(who, action, kind) of all records, oldest first."""
    return list(Change.objects.order_by("at").values_list("actor_name", "action", "kind"))


def newest() -> dict[str, list[str]]:
    """Old and new value by field, of the newest record."""
    return {name: values for name, *values in Change.objects.latest("at").fields}


@pytest.fixture
def world() -> tuple[User, Any]:
    campaign = make.make_campaign(started=False)
    return make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group], username="ana"), campaign


def test_a_campaigns_life_is_on_record(world: tuple[User, Any]) -> None:
    ana, campaign = world
    make.make_lead(campaign)
    make.make_port()
    campaigns.update_campaign(ana, campaign, max_attempts=7)
    assert newest() == {"max_attempts": ["5", "7"]}
    day = timezone.now().date() + timedelta(days=30)
    schedule = campaigns.add_schedule(ana, campaign, day, time(8), time(9))
    campaigns.change_schedule(ana, schedule, time(8), time(10))
    assert newest()["end_time"] == ["09:00:00", "10:00:00"]
    campaigns.remove_schedule(ana, schedule)
    campaigns.delete_campaign(None, campaign)
    assert story() == [
        ("ana", "CHANGED", "campaigns.campaign"),
        ("ana", "CREATED", "campaigns.schedule"),
        ("ana", "CHANGED", "campaigns.schedule"),
        ("ana", "DELETED", "campaigns.schedule"),
        ("", "DELETED", "campaigns.campaign"),
    ]


def test_stopping_is_recorded_once_and_only_when_somebody_did_it() -> None:
    campaign = make.make_campaign()
    ana = make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group], username="ana")
    campaigns.stop_campaign(ana, campaign)
    campaigns.stop_campaign(ana, campaign)
    assert story() == [("ana", "STOPPED", "campaigns.campaign")]


def test_leads_edited_by_people_are_on_record_and_imported_ones_are_not(world: tuple[User, Any]) -> None:
    ana, campaign = world
    uploads.import_leads(ana, campaign, io.BytesIO(b"Mary,554183015031\nJohn,554183015032\n"))
    assert story() == []
    lead = campaign.leads.first()
    leads.update_lead(ana, lead, name="Maria", description="", phone_number=lead.phone_number)
    assert newest() == {"name": ["Mary", "Maria"]}
    leads.update_lead(ana, lead, name="Maria", description="", phone_number=lead.phone_number)
    leads.remove_lead(ana, lead)
    assert [action for _who, action, _kind in story()] == ["CHANGED", "DELETED"]


def test_users_and_groups_with_memberships_and_without_passwords() -> None:
    north = groups.create_group(None, name="North")
    fields: dict[str, Any] = {"first_name": "A", "last_name": "B", "role": Role.MANAGER}
    user = users.create_user(None, username="eva", password=make.PASSWORD, groups=[north], **fields)
    assert newest()["dialer_groups"] == ["", "North"]
    south = groups.create_group(None, name="South")
    users.update_user(None, user, username="eva", groups=[north, south], **fields)
    assert newest() == {"dialer_groups": ["North", "North, South"]}
    users.set_password(None, user, "another good pass phrase")
    assert newest() == {"password": []}
    groups.update_group(None, south, name="South", description="", enabled=False)
    assert newest() == {"enabled": ["True", "False"]}
    assert "pass phrase" not in str(list(Change.objects.values_list()))
    assert user.password not in str(list(Change.objects.values_list()))


def test_secrets_of_ports_centres_and_services_are_never_written() -> None:
    master = make.make_user(Role.MASTER, [], username="max")
    port = DialerPort(extension="1", registrar_host="pbx", password="s3cret")
    configuration.save(master, port, extension="1", registrar_host="pbx", password="s3cret")
    configuration.save(master, port, password="s3cret2", enabled=False)
    assert newest() == {"password": [], "enabled": ["True", "False"]}
    center = make.make_contact_center()
    configuration.save(
        master, center, name="Demo", settings={"host": "127.0.0.1", "port": 5199, "secret": "s3cret"}
    )
    assert newest()["settings"] == []
    service = dnc.create_service(master, name="List", url="https://dnc.example.org", bearer_token="s3cret")
    dnc.update_service(
        master, service, name="List", url="https://dnc.example.com", bearer_token="s3cret3", timeout_ms=2000
    )
    assert newest()["bearer_token"] == []
    assert "s3cret" not in str(list(Change.objects.values_list()))
    assert {who for who, _action, _kind in story()} == {"max"}


def test_a_refused_change_leaves_no_record(world: tuple[User, Any]) -> None:
    ana, campaign = world
    with pytest.raises(ValidationError):
        campaigns.update_campaign(ana, campaign, max_attempts=0)
    service = dnc.create_service(None, name="List", url="https://dnc.example.org")
    campaigns.update_campaign(ana, campaign, dnc_service=service)
    before = story()
    with pytest.raises(ValidationError):
        dnc.delete_service(None, service)
    assert story() == before


def test_the_api_leaves_the_same_record(world: tuple[User, Any]) -> None:
    ana, campaign = world
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(ana)}")
    address = f"/api/v1/campaigns/{campaign.pk}/"
    assert client.patch(address, {"retry_delay": 5}, format="json").status_code == 200
    assert (story(), newest()) == ([("ana", "CHANGED", "campaigns.campaign")], {"retry_delay": ["60", "5"]})
    record = Change.objects.get()
    assert (record.door, record.address) == ("API", "127.0.0.1")
    signed_in(ana).post(f"/campaigns/campaign/{campaign.pk}/delete/", {"post": "yes"})
    record = Change.objects.latest("at")
    assert (record.action, record.door, record.address) == ("DELETED", "PAGES", "127.0.0.1")


def test_every_history_is_part_of_the_record_and_has_no_secret() -> None:
    models: list[Any] = list(apps.get_models())
    tables = [
        model.history.model for model in models if hasattr(model._meta, "simple_history_manager_attribute")
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_viewdef('accounts_change')")
        view = cursor.fetchone()[0]
    for table in tables:
        assert f"FROM {table._meta.db_table}" in view, table
        names = {field.name for field in table._meta.get_fields()}
        assert not [
            name
            for name in names
            if any(word in name for word in ("password", "token", "secret", "settings"))
        ]


def test_restoring_the_result_table_records_each_rule_that_changes() -> None:
    make.installed_result_rules()
    busy = ResultRule.objects.get(sip_code=486, q850_cause=None)
    configuration.save(None, busy, result="REFUSED")
    extra = configuration.save(None, ResultRule(), sip_code=699, q850_cause=None, result="BUSY")
    gone = ResultRule.objects.get(sip_code=480, q850_cause=None)
    configuration.delete(None, gone)
    before = len(story())
    result_table.restore_defaults(make.make_user(Role.MASTER, [], username="max"))
    assert sorted(story()[before:]) == [
        ("max", act, "telephony.resultrule") for act in ("CHANGED", "CREATED", "DELETED")
    ]
    assert not ResultRule.objects.filter(pk=extra.pk).exists()
    assert ResultRule.objects.get(pk=busy.pk).result == "BUSY"


def test_deleting_a_campaign_costs_the_same_whatever_its_leads_and_records_one_change() -> None:
    def delete(leads: int) -> int:
        campaign = make.make_campaign(started=False)
        for lead in make.make_leads(campaign, leads):
            make.make_attempt(lead, state="ENDED", result="BUSY", ended_at=timezone.now())
        with CaptureQueriesContext(
            connection,
        ) as queries:
            campaigns.delete_campaign(None, campaign)
        return len(queries)

    assert delete(1) == delete(7)
    assert [action for _who, action, _kind in story()] == ["DELETED", "DELETED"]


def test_the_history_of_one_object_is_for_masters() -> None:
    group = make.make_group()
    groups.update_group(None, group, name="Renamed", description="", enabled=True)
    groups.create_group(None, name="Another group")
    master, manager = make.make_user(Role.MASTER, []), make.make_user(Role.MANAGER, [group])
    page = signed_in(master).get(f"/groups/dialergroup/{group.pk}/history/", follow=True).content.decode()
    assert "Renamed" in page
    assert "Another group" not in page
    assert signed_in(manager).get(f"/groups/dialergroup/{group.pk}/history/").status_code == 403


def test_the_record_outlives_who_made_it(world: tuple[User, Any]) -> None:
    ana, campaign = world
    campaigns.update_campaign(ana, campaign, description="new")
    ana.delete()
    assert story() == [("ana", "CHANGED", "campaigns.campaign")]


def test_masters_alone_read_the_record_and_nobody_changes_it(world: tuple[User, Any]) -> None:
    ana, campaign = world
    campaigns.update_campaign(ana, campaign, description="A <b>bold</b> word")
    campaigns.update_campaign(None, campaign, description="")
    client = signed_in(make.make_user(Role.MASTER, []))
    page = client.get("/accounts/change/").content.decode()
    for words in ("ana", "operator", "A &lt;b&gt;bold&lt;/b&gt; word", campaign.name):
        assert words in page, words
    assert client.get("/accounts/change/?kind=campaigns.campaign").status_code == 200
    record = Change.objects.latest("at")
    assert client.get(f"/accounts/change/{record.pk}/change/").status_code == 200
    assert client.post(f"/accounts/change/{record.pk}/change/", {"actor_name": "x"}).status_code == 403
    assert client.post(f"/accounts/change/{record.pk}/delete/", {"post": "yes"}).status_code == 403
    for role in set(Role) - {Role.MASTER}:
        assert signed_in(make.make_user(role)).get("/accounts/change/").status_code == 403
