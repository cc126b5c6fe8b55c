"""Bad input: problem+json with field and reason, never a 5xx, nothing half done."""

import json
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError

from accounts import api_problem
from accounts.models import Role, User
from campaigns.models import Campaign
from groups.models import DialerGroup
from tests.api.api_world import campaign_fields, client_of, json_client
from tests.factories import make_campaign, make_group, make_port, make_queue, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def master(db: None) -> Any:
    return json_client(make_user(Role.MASTER, []))


def check_problem(answer: Any, code: int, kind: str) -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (code, "application/problem+json"), answer.content
    body: dict[str, Any] = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert (body["type"], body["status"]) == (f"urn:dialer:problem:{kind}", code)
    assert body["detail"]
    return body


def test_each_kind_of_refusal_is_a_problem(master: Any) -> None:
    supervisor = json_client(make_user(Role.CAMPAIGN_SUPERVISOR))
    url = "/api/v1/groups/"
    check_problem(client_of(None).get(url), 401, "not_authenticated")
    check_problem(supervisor.get(url), 403, "permission_denied")
    check_problem(master.get(f"{url}999999/"), 404, "not_found")
    check_problem(master.delete(f"{url}{make_group().pk}/"), 405, "method_not_allowed")
    check_problem(master.options(url), 405, "method_not_allowed")
    check_problem(master.get(url, HTTP_ACCEPT="text/turtle"), 406, "not_acceptable")
    check_problem(master.post(url, "a=b", content_type="text/turtle"), 415, "unsupported_media_type")
    check_problem(master.post(url, "{", content_type="application/json"), 400, "parse_error")
    check_problem(master.post(url, "[" * 100_000, content_type="application/json"), 400, "parse_error")
    check_problem(master.post(url, b"\xff\xfe", content_type="application/json"), 400, "parse_error")
    check_problem(
        master.post(url, '{"name": "%s"}' % ("x" * 11_000_000), content_type="application/json"),
        413,
        "too_large",
    )


def test_a_wrong_field_is_named_with_its_reason(master: Any) -> None:
    body = check_problem(master.post("/api/v1/groups/", {"enabled": "perhaps"}), 400, "invalid")
    assert {entry["field"] for entry in body["errors"]} == {"name", "enabled"}
    assert all(entry["reason"] for entry in body["errors"])


def test_a_rule_of_a_service_is_named_the_same_way(master: Any) -> None:
    group = make_group()
    weak = {"username": "ana", "first_name": "Ana", "last_name": "S", "role": Role.MANAGER, "password": "123"}
    body = check_problem(master.post("/api/v1/users/", {**weak, "groups": [group.pk]}), 400, "invalid")
    assert {entry["field"] for entry in body["errors"]} == {"password"}
    good = {**weak, "password": "a long enough pass phrase"}
    body = check_problem(master.post("/api/v1/users/", good), 400, "invalid")
    assert [entry["field"] for entry in body["errors"]] == ["groups"]
    assert not User.objects.filter(username="ana").exists()


def test_what_is_in_use_can_not_be_deleted(master: Any) -> None:
    campaign = make_campaign(started=False)
    body = check_problem(master.delete(f"/api/v1/queues/{campaign.queue_id}/"), 409, "conflict")
    assert "campaigns" in body["detail"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=-1", "page=1e3", "page_size=1001", "page_size=", f"page={'9' * 5000}", "page=%00", "page=²"])  # fmt: skip
def test_wrong_page_numbers_are_refused(master: Any, query: str) -> None:
    body = check_problem(master.get(f"/api/v1/groups/?{query}"), 400, "invalid")
    assert body["errors"][0]["field"] == query.partition("=")[0]


def test_a_page_beyond_the_last_is_not_found(master: Any) -> None:
    check_problem(master.get("/api/v1/groups/?page=999999999999"), 404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "users/?role=KING", "users/?group=%00", "users/?group=inf", f"users/?group={10**30}", "groups/?enabled=%FF",
        "groups/?search=%00", "users/?search=%ED%A0%80", "queues/?kind=x%00", "groups/?ordering=%00", "ports/?state=1",
    ],
)  # fmt: skip
def test_wrong_filters_never_break(master: Any, query: str) -> None:
    assert master.get(f"/api/v1/{query}").status_code in {200, 400}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "nul \x00 byte"), ("name", "lone \ud800"), ("name", ["list"]), ("name", "x" * 10_000), ("name", None),
        ("description", {"a": 1}), ("group", 10**30), ("group", True), ("group", 1.5), ("group", "inf"), ("group", [1]),
        ("queue", -1), ("queue", {"id": 1}), ("dnc_service", "\x00"), ("max_attempts", 10**30), ("max_attempts", 0),
        ("max_attempts", 101), ("max_attempts", "five"), ("retry_delay", 1441), ("retry_delay", 0), ("weekdays", []),
        ("weekdays", [0]), ("weekdays", [8]), ("weekdays", "1"), ("weekdays", [10**30]), ("weekdays", {"1": 1}),
        ("start_date", "2026-02-30"), ("start_date", "0001-01-01"), ("end_date", "9999-12-31"), ("end_date", 5),
        ("end_date", "2020-01-01"), ("start_time", "25:00"), ("start_time", "08:00Z"), ("start_time", "18:00"), ("end_time", "07:59"),
        ("time_zone", "Mars/Base"), ("time_zone", "../etc/passwd"), ("time_zone", ""), ("pilot_number", "sip:x"),
        ("pilot_number", "1" * 33), ("type", "IVR"), ("type", "FAX"), ("default_country", "ZZZ"),
        ("default_country", "zz"), ("amd_enabled", "perhaps"), ("amd_profile", "SLOW"), ("ring_timeout", 4),
        ("ring_timeout", 121), ("caller_number", "sip:x@y"), ("caller_number", "1+2"), ("caller_number", "1" * 33),
        ("caller_number", "12\r\nEvil: 1"), ("caller_name", "Sales\r\nEvil: 1"), ("caller_name", "a\x85b"),
        ("caller_name", "x" * 65), ("caller_private", "perhaps"),
    ],
)  # fmt: skip
def test_a_wrong_campaign_field_is_refused_by_name(field: str, value: Any) -> None:
    user = make_user()
    body = campaign_fields(user.dialer_groups.get(), make_queue()) | {field: value}
    sent = json.dumps(body, default=str)  # escapes what Django's test client would refuse to send
    answer = json_client(user).post("/api/v1/campaigns/", sent, content_type="application/json")
    problem = check_problem(answer, 400, "invalid")
    named = {str(entry["field"]).partition(".")[0] for entry in problem["errors"]}
    partner = {"start_time": "end_time", "start_date": "end_date", "type": "queue"}
    assert named & {field, partner.get(field, field)}, problem
    assert not Campaign.objects.exists()


def test_a_float_too_large_for_an_id_is_refused() -> None:
    """`1e400` is infinity to Python's JSON reader; `int(inf)` broke the related field."""
    user = make_user()
    answer = json_client(user).post("/api/v1/campaigns/", '{"group": 1e400}', content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("text", ['"text"', "[]", "1", '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": 1e400}', '{"\\u0000": [{}]}'])  # fmt: skip
def test_settings_that_the_database_can_not_keep_are_refused(master: Any, text: str) -> None:
    body = f'{{"name": "PBX", "kind": "demo", "settings": {text}}}'
    answer = master.post("/api/v1/contact-centers/", body, content_type="application/json")
    assert check_problem(answer, 400, "invalid")["errors"][0]["field"] == "settings"


def test_a_body_that_is_no_object_is_refused(master: Any) -> None:
    port = make_port()
    for body in ("[]", "null", "1", '"x"', "[1, 2]"):
        for url in ("users/", "groups/", "ports/", "dnc/numbers/", "auth/token/", "queues/"):
            answer = master.post(f"/api/v1/{url}", body, content_type="application/json")
            assert answer.status_code == 400, (url, body)
        assert (
            master.put(f"/api/v1/ports/{port.pk}/", body, content_type="application/json").status_code == 400
        )


def test_reasons_come_in_the_callers_language(master: Any) -> None:
    answer = master.post("/api/v1/groups/", {}, HTTP_ACCEPT_LANGUAGE="pt")
    assert answer.json()["errors"][0]["reason"] == "Este campo é obrigatório."
    assert not DialerGroup.objects.filter(name="").exists()


def test_what_the_database_refuses_is_an_answer_and_our_own_faults_stay_ours() -> None:
    for error, code in (
        (IntegrityError("duplicate key"), 409),
        (DataError("out of range"), 400),
        (SuspiciousOperation("odd"), 400),
        (RequestDataTooBig("big"), 413),
    ):
        answer = api_problem.handle(error, {})
        assert answer is not None
        assert answer.status_code == code
        assert "duplicate" not in str(answer.data), "nothing of the database's words"
    assert api_problem.handle(RuntimeError("a fault of ours"), {}) is None
