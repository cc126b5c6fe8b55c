"""What Masters alone find in the API: the record of changes, locks, the result table, and secrets that stay secret."""

import pytest

from accounts.models import Change, Role, SignInLock
from dnc.models import DncService
from telephony.models import ContactCenter, ResultRule
from tests import factories as make
from tests.api.api_world import World, json_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


def test_the_record_says_who_changed_what_through_which_door(world: World) -> None:
    ana, master = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR]), json_client(world.users[Role.MASTER])
    ana.patch(f"/api/v1/campaigns/{world.campaign.pk}/", {"retry_delay": 5})
    query: dict[str, str | int] = {
        "kind": "campaigns.campaign",
        "object_id": world.campaign.pk,
        "action": "CHANGED",
    }
    (row,) = master.get("/api/v1/changes/", query).json()["results"]
    assert (row["actor_name"], row["door"], row["address"]) == (
        world.users[Role.CAMPAIGN_ADMINISTRATOR].username,
        "API",
        "127.0.0.1",
    )
    assert row["fields_changed"] == [{"name": "retry_delay", "old": "60", "new": "5"}]
    assert master.get(f"/api/v1/changes/{row['id']}/").json() == row
    assert master.get("/api/v1/changes/", {"since": "2999-01-01T00:00:00Z"}).json()["count"] == 0


def test_a_master_releases_a_lock(world: World) -> None:
    master = json_client(world.users[Role.MASTER])
    (row,) = master.get("/api/v1/locks/").json()["results"]
    assert (row["username"], row["wrong"], row["locked_until"]) == ("guessed", 3, None)
    assert master.delete(f"/api/v1/locks/{row['id']}/").status_code == 204
    assert not SignInLock.objects.exists()


def test_the_result_table_is_changed_and_restored(world: World) -> None:
    master = json_client(world.users[Role.MASTER])
    address = f"/api/v1/result-rules/{world.rule.pk}/"
    assert master.patch(address, {"result": "REFUSED"}).json()["result"] == "REFUSED"
    assert master.patch(address, {"result": "NONSENSE"}).status_code == 400
    assert master.post("/api/v1/result-rules/restore/").status_code == 204
    assert not ResultRule.objects.filter(sip_code=699).exists()
    assert ResultRule.objects.get(sip_code=486).result == "BUSY"
    assert Change.objects.filter(kind="telephony.resultrule", action="DELETED").count() == 1


def test_secrets_are_written_never_read_and_kept_when_sent_empty(world: World) -> None:
    master = json_client(world.users[Role.MASTER])
    settings = {"host": "127.0.0.1", "username": "dialer", "password": "s3cret"}
    sent = {"name": "PBX", "kind": "asterisk_ami", "settings": settings, "enabled": False}
    center = master.post("/api/v1/contact-centers/", sent).json()
    assert center["settings"] == {**settings, "password": ""}
    address = f"/api/v1/contact-centers/{center['id']}/"
    assert (
        master.put(address, center | {"settings": {**center["settings"], "host": "127.0.0.2"}}).status_code
        == 200
    )
    stored = ContactCenter.objects.get(pk=center["id"]).settings
    assert stored == {"host": "127.0.0.2", "username": "dialer", "password": "s3cret"}
    master.patch(address, {"settings": {**settings, "password": "other"}})
    assert ContactCenter.objects.get(pk=center["id"]).settings["password"] == "other"

    port = f"/api/v1/ports/{world.port.pk}/"
    before = world.port.password
    assert "password" not in master.get(port).json()
    assert master.patch(port, {"password": "", "registrar_host": "pbx.example.org"}).status_code == 200
    world.port.refresh_from_db()
    assert (world.port.password, world.port.registrar_host) == (before, "pbx.example.org")
    assert master.post("/api/v1/ports/", {"extension": "1", "registrar_host": "x"}).status_code == 400

    service = f"/api/v1/dnc/services/{world.external.pk}/"
    master.patch(service, {"bearer_token": "t0ken"})
    assert "bearer_token" not in master.patch(service, {"bearer_token": "", "name": "Renamed"}).json()
    assert DncService.objects.get(pk=world.external.pk).bearer_token == "t0ken"


def test_the_api_says_why_a_campaign_is_not_dialing(world: World) -> None:
    supervisor = json_client(world.users[Role.CAMPAIGN_SUPERVISOR])
    address = "/api/v1/campaigns/{}/why/"
    stopped = supervisor.get(address.format(world.campaign.pk)).json()
    assert stopped == {"dialing": False, "reason": "The campaign is stopped."}
    started = make.make_campaign(group=world.mine)
    assert supervisor.get(address.format(started.pk)).json()["reason"] == "No lead is left to call."
    assert supervisor.get(address.format(make.make_campaign().pk)).status_code == 404
