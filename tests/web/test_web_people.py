"""Users, groups, do-not-call and telephony in the web application (SPEC 2, 3, 8, 9)."""

from typing import Any

import pytest

from accounts.models import Role, User
from dnc.models import DncNumber, DncRemoval, DncService
from groups.models import DialerGroup
from telephony.models import ContactCenter, DialerPort
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db

NEW = {"first_name": "Rui", "last_name": "Lima", "password": "a long enough pass phrase"}


def errors(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.context["adminform"].form.errors)


def test_a_manager_makes_users_below_master_in_their_own_groups() -> None:
    manager = make.make_user(Role.MANAGER)
    group, foreign = manager.dialer_groups.get(), make.make_group()
    client = signed_in(manager)
    values = {**NEW, "username": "rui", "role": Role.CAMPAIGN_SUPERVISOR, "dialer_groups": [group.pk]}
    assert "valid choice" in errors(client.post("/accounts/user/add/", {**values, "role": Role.MASTER}))
    assert "valid choice" in errors(
        client.post("/accounts/user/add/", {**values, "dialer_groups": [foreign.pk]})
    )
    assert "at least one dialer group" in errors(
        client.post("/accounts/user/add/", {**values, "dialer_groups": []})
    )
    assert "too short" in errors(client.post("/accounts/user/add/", {**values, "password": "x"}))
    assert not User.objects.filter(username="rui").exists()
    assert client.post("/accounts/user/add/", values).status_code == 302
    rui = User.objects.get(username="rui")
    assert rui.check_password(NEW["password"])
    assert list(rui.dialer_groups.all()) == [group]


def test_editing_a_user_leaves_the_password_and_needs_none() -> None:
    manager = make.make_user(Role.MANAGER)
    user = make.make_user(Role.CAMPAIGN_SUPERVISOR, [manager.dialer_groups.get()])
    values = {
        "username": user.username,
        "first_name": "Nova",
        "last_name": "Lima",
        "is_active": "on",
        "role": Role.CAMPAIGN_ADMINISTRATOR,
        "dialer_groups": [manager.dialer_groups.get().pk],
        "password": "smuggled in pass phrase",
    }
    answer = signed_in(manager).post(f"/accounts/user/{user.pk}/change/", values)
    assert answer.status_code == 302, errors(answer)
    user.refresh_from_db()
    assert (user.first_name, user.role) == ("Nova", Role.CAMPAIGN_ADMINISTRATOR)
    assert user.check_password(make.PASSWORD)


def test_only_a_master_sets_passwords() -> None:
    master, manager = make.make_user(Role.MASTER, []), make.make_user(Role.MANAGER)
    user = make.make_user(Role.CAMPAIGN_SUPERVISOR, list(manager.dialer_groups.all()))
    address = f"/accounts/user/{user.pk}/password/"
    assert signed_in(manager).post(address, {"password": "another pass phrase"}).status_code == 403
    assert signed_in(manager).get("/password_change/").status_code == 403
    client = signed_in(master)
    assert "too short" in client.post(address, {"password": "x"}).content.decode()
    assert client.post(address, {"password": "another pass phrase"}).status_code == 302
    user.refresh_from_db()
    assert user.check_password("another pass phrase")
    own = f"/accounts/user/{master.pk}/password/"
    assert client.post(own, {"password": "yet another pass phrase"}).status_code == 302
    assert client.get("/").status_code == 200, "the Master's own session stays"
    assert client.get("/password_change/")["Location"] == f"/accounts/user/{master.pk}/password/"


def test_the_last_master_stays_and_the_page_says_why() -> None:
    master = make.make_user(Role.MASTER, [])
    client = signed_in(master)
    answer = client.post(f"/accounts/user/{master.pk}/delete/", {"post": "yes"}, follow=True)
    assert "You can&#x27;t delete yourself." in answer.content.decode()
    values = {"username": master.username, "first_name": "A", "last_name": "B", "role": Role.MASTER}
    assert "last active Master" in errors(client.post(f"/accounts/user/{master.pk}/change/", values))
    assert User.objects.filter(pk=master.pk, is_active=True).exists()


def test_a_manager_disables_a_group_but_does_not_rename_it_and_nobody_deletes_one() -> None:
    manager, master = make.make_user(Role.MANAGER), make.make_user(Role.MASTER, [])
    group = manager.dialer_groups.get()
    signed_in(manager).post(f"/groups/dialergroup/{group.pk}/change/", {"name": "Mine now"})
    before = group.name
    group.refresh_from_db()
    assert (group.name, group.enabled) == (before, False)
    for user in (manager, master):
        assert (
            signed_in(user).post(f"/groups/dialergroup/{group.pk}/delete/", {"post": "yes"}).status_code
            == 403
        )
    assert (
        signed_in(master).post("/groups/dialergroup/add/", {"name": "New", "enabled": "on"}).status_code
        == 302
    )
    assert DialerGroup.objects.filter(name="New", enabled=True).exists()
    assert "already exists" in errors(signed_in(master).post("/groups/dialergroup/add/", {"name": "New"}))


# --- do-not-call ----------------------------------------------------------------------------------------


def test_numbers_are_added_with_a_reason_and_leave_with_one_by_masters_only() -> None:
    ana, master = make.make_user(), make.make_user(Role.MASTER, [])
    client = signed_in(ana)
    assert "required" in errors(client.post("/dnc/dncnumber/add/", {"number": "554181021119", "reason": ""}))
    assert "is not a phone number" in errors(
        client.post("/dnc/dncnumber/add/", {"number": "abc", "reason": "x"})
    )
    assert (
        client.post("/dnc/dncnumber/add/", {"number": "+55 41 8102-1119", "reason": "asked"}).status_code
        == 302
    )
    added = DncNumber.objects.get()
    assert (added.pk, added.reason, added.added_by) == (554181021119, "asked", ana)
    assert "554181021119" in client.get("/dnc/dncnumber/", {"q": "55 41 8102 1119"}).content.decode()
    address = "/dnc/dncnumber/554181021119/delete/"
    assert client.post(address, {"reason": "x"}).status_code == 403
    by_master = signed_in(master)
    assert "This field is required." in by_master.post(address, {"reason": ""}).content.decode()
    assert by_master.post(address, {"reason": "typed wrong"}).status_code == 302
    removal = DncRemoval.objects.get()
    assert (removal.number, removal.reason, removal.removed_by) == (554181021119, "typed wrong", master)


def test_the_embedded_service_is_read_only_and_external_ones_need_https() -> None:
    client = signed_in(make.make_user(Role.MASTER, []))
    embedded = make.embedded_dnc()
    address = f"/dnc/dncservice/{embedded.pk}"
    assert client.get(f"{address}/change/").status_code == 200
    assert client.post(f"{address}/change/", {"name": "Mine"}).status_code == 403
    assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    values = {
        "name": "National",
        "url": "http://dnc.example.org",
        "bearer_token": "secret-1",
        "timeout_ms": "2000",
        "failures_allowed": "3",
    }
    assert "https://" in errors(client.post("/dnc/dncservice/add/", values))
    assert (
        client.post("/dnc/dncservice/add/", {**values, "url": "https://dnc.example.org"}).status_code == 302
    )
    service = DncService.objects.get(name="National")
    page = client.get(f"/dnc/dncservice/{service.pk}/change/").content.decode()
    assert "secret-1" not in page
    changed = {**values, "url": "https://dnc.example.org", "bearer_token": "", "timeout_ms": "900"}
    client.post(f"/dnc/dncservice/{service.pk}/change/", changed)
    service.refresh_from_db()
    assert (service.bearer_token, service.timeout_ms, service.kind) == ("secret-1", 900, "EXTERNAL")


def test_a_service_that_a_campaign_uses_is_not_deleted() -> None:
    service = DncService.objects.create(name="National", url="https://dnc.example.org")
    make.make_campaign(dnc_service=service)
    client = signed_in(make.make_user(Role.MASTER, []))
    answer = client.post(f"/dnc/dncservice/{service.pk}/delete/", {"post": "yes"}, follow=True)
    assert answer.status_code == 200
    assert DncService.objects.filter(pk=service.pk).exists()


# --- telephony ------------------------------------------------------------------------------------------


def test_a_ports_password_is_written_and_never_shown() -> None:
    client = signed_in(make.make_user(Role.MASTER, []))
    values = {
        "extension": "7001",
        "password": "digest-secret",
        "registrar_host": "pbx.example.org",
        "registrar_port": "5060",
        "transport": "udp",
        "media_encryption": "none",
        "registers": "on",
        "enabled": "on",
    }
    assert "needs its password" in errors(
        client.post("/telephony/dialerport/add/", {**values, "password": ""})
    )
    keyed = client.post("/telephony/dialerport/add/", {**values, "media_encryption": "required"})
    assert "choose the transport TLS" in errors(keyed)
    assert client.post("/telephony/dialerport/add/", values).status_code == 302
    port = DialerPort.objects.get()
    DialerPort.objects.update(state="FAILED", last_error="401 Unauthorized")
    page = client.get(f"/telephony/dialerport/{port.pk}/change/").content.decode()
    assert "digest-secret" not in page
    assert "401 Unauthorized" in page
    client.post(f"/telephony/dialerport/{port.pk}/change/", {**values, "password": "", "extension": "7002"})
    port.refresh_from_db()
    assert (port.extension, port.password, port.state) == ("7002", "digest-secret", "FAILED")
    assert "already exists" in errors(
        client.post("/telephony/dialerport/add/", {**values, "extension": "7002"})
    )


def test_a_trunk_is_added_without_password_and_port_and_shown_as_ready() -> None:
    client = signed_in(make.make_user(Role.MASTER, []))
    values = {
        "extension": "t1",
        "registrar_host": "sbc.example",
        "transport": "udp",
        "media_encryption": "none",
    }
    assert client.post("/telephony/dialerport/add/", {**values, "enabled": "on"}).status_code == 302
    port = DialerPort.objects.get()
    assert (port.registers, port.registrar_port, port.password) == (False, None, "")
    DialerPort.objects.update(state="READY", active_registrar="sbc.example (192.0.2.7:5060)")
    page = client.get("/telephony/dialerport/").content.decode()
    assert "sbc.example (192.0.2.7:5060)" in page
    assert "Ready" in page


def test_a_contact_centre_with_queues_in_use_is_not_deleted_and_wrong_json_is_said() -> None:
    client = signed_in(make.make_user(Role.MASTER, []))
    center = make.make_campaign().queue.contact_center
    used = make.make_attempt(port=make.make_port()).port
    assert used is not None
    answer = client.post(f"/telephony/dialerport/{used.pk}/delete/", {"post": "yes"}, follow=True)
    assert "The port is in a call." in answer.content.decode()
    answer = client.post(f"/telephony/contactcenter/{center.pk}/delete/", {"post": "yes"}, follow=True)
    assert answer.status_code == 200
    assert ContactCenter.objects.filter(pk=center.pk).exists()
    wrong = {"name": "X", "kind": "demo", "settings": "{host", "enabled": "on"}
    assert "JSON" in errors(client.post("/telephony/contactcenter/add/", wrong))
