"""The rules of SPEC 2 to 5, each through the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Role, User
from campaigns.models import Campaign, Schedule
from groups.models import DialerGroup
from tests.api.api_world import World, campaign_fields, json_client
from tests.factories import (
    make_campaign,
    make_group,
    make_lead,
    make_port,
    make_queue,
    make_schedule,
    make_user,
)

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"


def person(role: str, *groups: DialerGroup, **fields: Any) -> dict[str, Any]:
    return {
        "username": "rita", "first_name": "Rita", "last_name": "Lima", "role": role,
        "groups": [group.pk for group in groups], "password": "a long enough pass phrase", **fields,
    }  # fmt: skip


def fields_of(answer: Any) -> set[str | None]:
    assert answer.status_code == 400, answer.content
    return {entry["field"] for entry in answer.json()["errors"]}


# --- SPEC 2: roles and users ---------------------------------------------------------------------------


def test_a_master_makes_users_of_every_role_and_the_password_is_never_read() -> None:
    master = json_client(make_user(Role.MASTER, []))
    group = make_group()
    for role in Role:
        answer = master.post(f"{V1}users", person(role, group, username=f"user-{role}"))
        assert answer.status_code == 201
        assert "password" not in answer.json()
        assert User.objects.get(username=f"user-{role}").check_password("a long enough pass phrase")
    assert master.post(f"{V1}users", person(Role.MASTER)).status_code == 201, "Masters may have no group"


def test_a_manager_gives_only_own_groups_and_roles_below_master() -> None:
    mine, foreign = make_group(), make_group()
    manager = json_client(make_user(Role.MANAGER, [mine]))
    assert fields_of(manager.post(f"{V1}users", person(Role.MASTER, mine))) == {"role"}
    assert fields_of(manager.post(f"{V1}users", person(Role.MANAGER, foreign))) == {"groups"}
    assert fields_of(manager.post(f"{V1}users", person(Role.MANAGER))) == {"groups"}
    made = manager.post(f"{V1}users", person(Role.MANAGER, mine))
    assert (made.status_code, made.json()["groups"]) == (201, [mine.pk])


def test_a_manager_sees_of_a_user_only_own_groups_and_does_not_take_the_others_away() -> None:
    mine, foreign = make_group(), make_group()
    manager = json_client(make_user(Role.MANAGER, [mine]))
    user = make_user(Role.CAMPAIGN_SUPERVISOR, [mine, foreign])
    url = f"{V1}users/{user.pk}"
    assert manager.get(url).json()["groups"] == [mine.pk]
    assert manager.patch(url, {"groups": [mine.pk], "first_name": "Eva"}).status_code == 200
    assert set(user.dialer_groups.all()) == {mine, foreign}


def test_only_a_master_resets_passwords() -> None:
    group = make_group()
    user, manager = make_user(groups=[group]), make_user(Role.MANAGER, [group])
    new = {"password": "yet another pass phrase", "first_name": "New"}
    answer = json_client(manager).patch(f"{V1}users/{user.pk}", new)
    user.refresh_from_db()
    assert (answer.status_code, user.first_name) == (403, "Ana"), "all or nothing"
    assert json_client(make_user(Role.MASTER, [])).patch(f"{V1}users/{user.pk}", new).status_code == 200
    user.refresh_from_db()
    assert user.check_password(new["password"])


def test_the_last_active_master_can_be_neither_deleted_nor_demoted() -> None:
    master = make_user(Role.MASTER, [])
    client = json_client(master)
    for change in ({"role": Role.MANAGER, "groups": [make_group().pk]}, {"is_active": False}):
        assert client.patch(f"{V1}users/{master.pk}", change).status_code == 400
    assert client.delete(f"{V1}users/{master.pk}").status_code == 400
    second = make_user(Role.MASTER, [])
    assert client.delete(f"{V1}users/{second.pk}").status_code == 204


def test_a_user_name_is_unique() -> None:
    taken = make_user()
    answer = json_client(make_user(Role.MASTER, [])).post(
        f"{V1}users", person(Role.MASTER, username=taken.username)
    )
    assert fields_of(answer) == {"username"}


# --- SPEC 3: groups -------------------------------------------------------------------------------------


def test_a_manager_enables_and_disables_own_groups_and_changes_nothing_else() -> None:
    group = make_group(name="North")
    manager = json_client(make_user(Role.MANAGER, [group]))
    assert manager.patch(f"{V1}groups/{group.pk}", {"enabled": False}).json()["enabled"] is False
    assert fields_of(manager.patch(f"{V1}groups/{group.pk}", {"name": "South"})) == {"name"}
    assert [row["id"] for row in manager.get(f"{V1}groups").json()["results"]] == [group.pk]


def test_no_campaign_is_made_in_moved_to_or_started_in_a_disabled_group() -> None:
    off, on = make_group(enabled=False), make_group()
    admin, queue = json_client(make_user(groups=[off, on])), make_queue()
    assert fields_of(admin.post(f"{V1}campaigns", campaign_fields(off, queue))) == {"group"}
    campaign = make_campaign(group=on, started=False)
    make_lead(campaign)
    make_port()
    assert fields_of(admin.patch(f"{V1}campaigns/{campaign.pk}", {"group": off.pk})) == {"group"}
    DialerGroup.objects.filter(pk=on.pk).update(enabled=False)
    DialerGroup.objects.filter(pk=off.pk).update(enabled=True)
    refused = admin.post(f"{V1}campaigns/{campaign.pk}/start")
    assert refused.status_code == 400
    assert on.name in refused.json()["detail"]


# --- SPEC 4: campaigns ----------------------------------------------------------------------------------


def test_a_new_campaign_has_its_defaults_and_one_schedule_for_each_of_its_days() -> None:
    user = make_user()
    admin = json_client(user)
    body = campaign_fields(user.dialer_groups.get(), make_queue(), weekdays=[1, 2, 3, 3])
    made = admin.post(f"{V1}campaigns", body)
    assert made.status_code == 201, made.content
    campaign = made.json()
    assert campaign["weekdays"] == [1, 2, 3]
    shown = ("state", "max_attempts", "retry_delay", "type", "dnc_service")
    assert [campaign[name] for name in shown] == ["STOPPED", 5, 60, "OSCC", None]
    days = admin.get(f"{V1}campaigns/{campaign['id']}/schedules").json()["results"]
    assert len(days) == 3
    assert {(day["start_time"], day["end_time"], day["state"]) for day in days} == {
        ("08:00:00", "18:00:00", "NOT_RUNNING")
    }


def test_a_campaign_is_made_in_an_own_group_only() -> None:
    answer = json_client(make_user()).post(f"{V1}campaigns", campaign_fields(make_group(), make_queue()))
    assert fields_of(answer) == {"group"}


def test_a_campaign_name_is_unique_whatever_the_group() -> None:
    user = make_user()
    make_campaign(name="Spring")
    body = campaign_fields(user.dialer_groups.get(), make_queue())
    assert fields_of(json_client(user).post(f"{V1}campaigns", body)) == {"name"}


def test_settings_change_while_stopped_and_the_calendar_through_schedules() -> None:
    world = World()
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    url = f"{V1}campaigns/{world.campaign.pk}"
    assert admin.patch(url, {"max_attempts": 7, "retry_delay": 1440}).json()["max_attempts"] == 7
    assert fields_of(admin.patch(url, {"weekdays": [1]})) == {"weekdays"}
    whole = admin.get(url).json()
    assert admin.put(url, {**whole, "description": "new"}).json()["description"] == "new"
    assert admin.patch(url, {"state": "STARTED"}).json()["state"] == "STOPPED", "state is read-only"


def test_start_and_stop_and_what_a_started_campaign_refuses() -> None:
    world = World()
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    url = f"{V1}campaigns/{world.campaign.pk}"
    assert admin.post(f"{url}/start").json()["state"] == "STARTED"
    refusals = [
        admin.patch(url, {"name": "other"}),
        admin.delete(url),
        admin.post(f"{url}/schedules", {"date": "2030-01-01", "start_time": "08:00", "end_time": "09:00"}),
        admin.post(f"{url}/schedules/remaining", {"start_time": "08:00", "end_time": "09:00"}),
        admin.delete(f"{url}/schedules/{world.schedule.pk}"),
        admin.post(f"{url}/leads", {"name": "x", "phone_number": "554180000000"}),
        admin.patch(f"{url}/leads/{world.lead.pk}", {"name": "x"}),
        admin.delete(f"{url}/leads/{world.lead.pk}"),
        admin.post(f"{url}/leads/upload", "x,554180000000", content_type="text/csv"),
    ]
    assert [answer.status_code for answer in refusals] == [400] * len(refusals)
    assert {answer.json()["detail"] for answer in refusals} == {"The campaign is started. Stop it first."}
    assert admin.post(f"{url}/stop").json()["state"] == admin.post(f"{url}/stop").json()["state"] == "STOPPED"
    assert admin.delete(url).status_code == 204
    record = admin.get(f"{V1}attempts/{world.attempt.pk}").json()
    assert (record["campaign"], record["lead"], record["result"]) == (None, None, "BUSY"), (
        "call records are kept"
    )


def test_start_says_every_reason_against_it() -> None:
    group = make_group()
    campaign = make_campaign(group=group, started=False, schedule=False)
    answer = json_client(make_user(groups=[group])).post(f"{V1}campaigns/{campaign.pk}/start")
    reasons = [entry["reason"] for entry in answer.json()["errors"]]
    assert (answer.status_code, len(reasons)) == (400, 3), reasons
    assert Campaign.objects.get().state == "STOPPED"


def test_a_supervisor_reads_summary_settings_and_schedules() -> None:
    world = World()
    supervisor = json_client(world.users[Role.CAMPAIGN_SUPERVISOR])
    summary = supervisor.get(f"{V1}campaigns/{world.campaign.pk}/summary").json()
    assert (summary["group_name"], summary["leads"]["total"]) == ("Mine", 2)
    assert summary["leads"]["by_status"]["NOT_CALLED"] == 2
    assert supervisor.get(f"{V1}campaigns/{world.campaign.pk}").json()["pilot_number"] == "8000"


# --- SPEC 5: schedules ----------------------------------------------------------------------------------


def test_schedules_are_added_changed_and_removed_one_a_day() -> None:
    world = World()
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    url = f"{V1}campaigns/{world.campaign.pk}/schedules"
    day = (timezone.now() + timedelta(days=3)).date().isoformat()
    hours = {"start_time": "08:00", "end_time": "12:00"}
    made = admin.post(url, {"date": day, **hours})
    assert made.status_code == 201
    assert fields_of(admin.post(url, {"date": day, **hours})) == {"date"}
    assert fields_of(admin.post(url, {"date": "0001-01-01", **hours})) == {"date"}
    one = f"{url}/{made.json()['id']}"
    assert admin.patch(one, {"end_time": "13:30"}).json()["end_time"] == "13:30:00"
    assert fields_of(admin.patch(one, {"end_time": "07:00"})) == {"end_time"}
    assert fields_of(admin.patch(one, {"date": "2030-01-01"})) == {"date"}
    assert admin.delete(one).status_code == 204


def test_edit_all_changes_the_remaining_days_and_never_past_ones() -> None:
    world = World()
    Schedule.objects.all().delete()
    now = timezone.now()
    past, later = (make_schedule(world.campaign, opens_at=now + timedelta(days=n)) for n in (-2, 2))
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    answer = admin.post(
        f"{V1}campaigns/{world.campaign.pk}/schedules/remaining", {"start_time": "10:00", "end_time": "11:00"}
    )
    assert answer.json() == {"changed": 1}
    past.refresh_from_db()
    later.refresh_from_db()
    assert (past.start_time.hour, later.start_time.hour) == (0, 10)


# --- the cost of a page ---------------------------------------------------------------------------------


def test_a_page_costs_the_same_number_of_queries_however_many_rows(
    django_assert_max_num_queries: Any,
) -> None:
    world = World()
    for _ in range(10):
        make_campaign(group=world.mine, queue=world.queue, started=False)
        make_lead(world.campaign)
        make_user(Role.CAMPAIGN_SUPERVISOR, [world.mine, world.other])
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    manager = json_client(world.users[Role.MANAGER])
    inside = f"campaigns/{world.campaign.pk}"
    for client, path in (
        (admin, "campaigns"), (admin, f"{inside}/leads"), (admin, f"{inside}/schedules"), (admin, f"{inside}/summary"),
        (admin, "attempts"), (manager, "users"), (manager, "groups"),
    ):  # fmt: skip
        with django_assert_max_num_queries(8):
            assert client.get(f"{V1}{path}").status_code == 200
