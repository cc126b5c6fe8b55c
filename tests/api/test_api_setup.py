"""Do-not-call list and services, ports, contact centres and queues through the API; `manage.py load_dnc`."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Role
from dnc.models import DncNumber, DncRemoval, DncService
from telephony.models import DialerPort
from tests.api.api_world import World, json_client
from tests.factories import make_attempt

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def master(world: World) -> Any:
    return json_client(world.users[Role.MASTER])


# --- do-not-call -----------------------------------------------------------------------------------------


def test_numbers_are_added_with_who_and_when_and_searched_by_their_first_digits(world: World) -> None:
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    made = admin.post(f"{V1}dnc/numbers", {"number": "+55 41 7777-0001", "reason": "asked"})
    body = made.json()
    assert (made.status_code, body["id"], body["number"]) == (201, 554177770001, "554177770001")
    assert body["added_by"] == world.users[Role.CAMPAIGN_ADMINISTRATOR].pk

    def search(text: str) -> list[int]:
        rows = admin.get(f"{V1}dnc/numbers", {"search": text}).json()["results"]
        return [row["id"] for row in rows]

    assert search("55417") == search("+55 41 7777-0001") == [554177770001]
    assert search("5541") == [554177770001, world.number.pk]
    assert search("41") == search("x") == search("9" * 40) == []
    assert admin.post(f"{V1}dnc/numbers", {"number": "call me"}).status_code == 400


def test_only_a_master_takes_a_number_off_and_says_why(world: World, master: Any) -> None:
    url = f"{V1}dnc/numbers/{world.number.pk}"
    manager = json_client(world.users[Role.MANAGER])
    assert manager.delete(f"{url}?reason=mistake").status_code == 403
    refused = master.delete(url)
    assert [entry["field"] for entry in refused.json()["errors"]] == ["reason"]
    assert master.delete(f"{url}?reason=mistake").status_code == 204
    removal = DncRemoval.objects.get(number=world.number.pk)
    assert (removal.reason, removal.removed_by) == ("mistake", world.users[Role.MASTER])
    assert master.get(f"{V1}dnc/removals").json()["results"][0]["number"] == str(world.number.pk)


def test_a_file_of_numbers_is_loaded_and_only_a_master_replaces_the_list(world: World, master: Any) -> None:
    manager = json_client(world.users[Role.MANAGER])
    url, content = f"{V1}dnc/numbers/upload", b"number\n554100000001,x\n+55 41 00000002\nnonsense 1\n"
    told = manager.post(url, content, content_type="text/csv").json()
    assert (told["state"], told["added"], told["invalid"], told["removed"]) == ("DONE", 2, 1, 0)
    refused = manager.get(told["refused_rows"]).content.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in refused] == ["line", "4"]
    assert master.get(f"{url}/{told['id']}").json()["added"] == 2
    assert json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR]).get(f"{url}/{told['id']}").status_code == 404
    assert manager.post(f"{url}?replace=true", content, content_type="text/csv").status_code == 403
    assert DncNumber.objects.count() == 3
    assert master.post(f"{url}?replace=true", content, content_type="text/csv").json()["removed"] == 1
    assert DncNumber.objects.count() == 2
    assert master.post(f"{url}?replace=perhaps", content, content_type="text/csv").status_code == 400


def test_external_services_are_set_up_by_masters_and_their_secret_is_never_read(master: Any) -> None:
    body = {"name": "Federal list", "url": "https://list.invalid", "bearer_token": "secret"}
    made = master.post(f"{V1}dnc/services", body)
    assert (made.status_code, made.json()["kind"]) == (201, "EXTERNAL")
    assert "bearer_token" not in made.json()
    one = f"{V1}dnc/services/{made.json()['id']}"
    assert master.patch(one, {"timeout_ms": 500}).status_code == 200
    assert DncService.objects.get(name="Federal list").bearer_token == "secret"
    for wrong in ({"url": "http://list.invalid"}, {"url": "nonsense"}, {"url": ""}, {"timeout_ms": 1}):
        answer = master.patch(one, wrong)
        assert [entry["field"] for entry in answer.json()["errors"]] == list(wrong), wrong
    assert master.delete(one).status_code == 204


def test_the_embedded_service_can_be_neither_changed_nor_deleted(world: World, master: Any) -> None:
    one = f"{V1}dnc/services/{world.embedded.pk}"
    assert master.patch(one, {"name": "Mine"}).status_code == 400
    assert master.delete(one).status_code == 400
    assert DncService.objects.filter(pk=world.embedded.pk, name=world.embedded.name).exists()


def test_a_service_is_tested_and_the_answer_says_what_failed(world: World, master: Any) -> None:
    def ask(service: DncService, number: str) -> Any:
        return master.post(f"{V1}dnc/services/{service.pk}/test", {"number": number})

    assert ask(world.embedded, str(world.number.pk)).json()["listed"] is True
    assert ask(world.embedded, "554100000000").json()["listed"] is False
    DncService.objects.filter(pk=world.external.pk).update(url="https://127.0.0.1:1")
    failed = ask(world.external, "554100000000").json()
    assert failed["listed"] is None
    assert world.external.name in failed["error"]
    assert ask(world.embedded, "call").status_code == 400


def test_load_dnc_loads_replaces_and_tells_the_wrong_lines(world: World, tmp_path: Path) -> None:
    file, refused, out, err = tmp_path / "a.txt", tmp_path / "wrong.txt", StringIO(), StringIO()
    file.write_text("554100000001\nnonsense 1\n")
    call_command("load_dnc", str(file), stdout=out, stderr=err)
    assert (out.getvalue(), err.getvalue()[:8]) == (
        "added 1, duplicate 0, invalid 1, removed 0\n",
        "line 2: ",
    )
    call_command("load_dnc", str(file), "--replace", "--refused", str(refused), stdout=out)
    assert refused.read_text().splitlines()[1].startswith("2,")
    assert list(DncNumber.objects.values_list("pk", flat=True)) == [554100000001]
    with pytest.raises(CommandError, match="can't be read: No such file"):
        call_command("load_dnc", str(tmp_path / "none"))


# --- telephony -------------------------------------------------------------------------------------------


def test_a_port_is_behind_a_carrier_and_the_carrier_has_limits(master: Any) -> None:
    port = master.post(
        f"{V1}ports", {"extension": "7200", "password": "x", "registrar_host": "sbc.example"}
    ).json()
    one = f"{V1}carriers/{port['carrier']}"
    assert master.get(one).json()["name"] == "sbc.example"
    answer = master.patch(one, {"calls_per_second": "2.5", "max_calls": 30})
    assert (answer.json()["calls_per_second"], answer.json()["max_calls"]) == ("2.5", 30)
    assert master.patch(one, {"calls_per_second": "0"}).status_code == 400
    assert master.patch(one, {"max_calls": 0}).status_code == 400
    assert master.delete(one).status_code in {400, 409}, "its port uses it"


def test_a_ports_password_is_written_and_never_read(master: Any) -> None:
    body = {"extension": "7100", "password": " secret ", "registrar_host": "pbx.example", "transport": "tls"}
    made = master.post(f"{V1}ports", body)
    assert made.status_code == 201
    assert "password" not in made.json()
    one = f"{V1}ports/{made.json()['id']}"
    assert master.patch(one, {"enabled": False}).json()["enabled"] is False
    assert DialerPort.objects.get(extension="7100").password == " secret "
    assert master.post(f"{V1}ports", body).status_code == 400, "an extension once per registrar"
    assert master.patch(one, {"registrar_port": 65536}).status_code == 400
    assert master.delete(one).status_code == 204


def test_a_trunk_needs_no_password_and_a_registrar_no_port(master: Any) -> None:
    body = {"extension": "trunk1", "registrar_host": "sbc.example", "registers": False}
    made = master.post(f"{V1}ports", body).json()
    assert (made["registers"], made["registrar_port"], made["state"]) == (False, None, "OFF")
    refused = master.patch(f"{V1}ports/{made['id']}", {"registers": True})
    assert (refused.status_code, "needs its password" in refused.content.decode()) == (400, True)
    assert [p["id"] for p in master.get(f"{V1}ports?registers=false").json()["results"]] == [made["id"]]


def test_keys_of_encrypted_audio_travel_over_tls_unless_somebody_insists(world: World, master: Any) -> None:
    one = f"{V1}ports/{world.port.pk}"
    refused = master.patch(one, {"media_encryption": "required"})
    assert refused.status_code == 400
    assert "choose the transport TLS" in refused.content.decode()
    assert master.patch(one, {"media_encryption": "required", "transport": "tls"}).status_code == 200
    assert master.patch(one, {"transport": "tcp"}).status_code == 400
    insists = master.patch(one, {"transport": "tcp", "keys_without_tls": True})
    assert (insists.status_code, insists.json()["media_encryption"]) == (200, "required")
    assert master.patch(one, {"media_encryption": "dtls"}).status_code == 400


def test_a_port_in_a_call_is_not_deleted(world: World, master: Any) -> None:
    make_attempt(world.lead, port=world.port)
    answer = master.delete(f"{V1}ports/{world.port.pk}")
    assert answer.status_code == 400
    assert "in a call" in answer.json()["detail"]


def test_contact_centres_and_queues(world: World, master: Any) -> None:
    center = master.post(f"{V1}contact-centers", {"name": "PBX", "kind": "demo", "settings": {"port": 5199}})
    assert (center.status_code, center.json()["settings"]) == (201, {"port": 5199})
    queue = {"contact_center": center.json()["id"], "name": "sales", "kind": "IVR", "pilot_number": "8001"}
    assert master.post(f"{V1}queues", queue).status_code == 201
    assert master.post(f"{V1}queues", queue).status_code == 400, "a name once per contact centre"
    in_use = master.patch(f"{V1}queues/{world.queue.pk}", {"kind": "IVR"})
    assert [entry["field"] for entry in in_use.json()["errors"]] == ["kind"]
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    assert admin.get(f"{V1}queues?kind=IVR").json()["count"] == 1
