"""Do-not-call: the embedded list, external services, fail closed (SPEC 8)."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts.models import Role
from dnc import services
from dnc.models import DncNumber, DncRemoval, DncService
from tests.factories import embedded_dnc, make_user

pytestmark = pytest.mark.django_db


class Registry(ThreadingHTTPServer):
    """An external service of the test's own: answers what `reply` says, and keeps what it was asked."""

    reply: tuple[int, bytes] = (200, b"")
    asked: list[tuple[str, str | None]]


class Answer(BaseHTTPRequestHandler):
    server: Registry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((body, self.headers["Authorization"]))
        status, data = self.server.reply
        self.send_response(status)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry(("127.0.0.1", 0), Answer)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def external(registry: Registry, **fields: object) -> DncService:
    url = f"http://127.0.0.1:{registry.server_port}"
    return DncService.objects.create(name="Registry", url=url, **fields)


def test_the_embedded_list_tells_who_is_listed() -> None:
    services.add_number(None, "+55 41 8102-1119", reason="asked on the phone")
    assert services.is_listed(embedded_dnc(), "554181021119")
    assert not services.is_listed(embedded_dnc(), "554181021118")


def test_adding_twice_keeps_the_first_reason() -> None:
    services.add_number(None, "554181021119", reason="first")
    services.add_number(None, "554181021119", reason="second")
    assert DncNumber.objects.get().reason == "first"


def test_masters_remove_with_a_reason_and_others_do_not() -> None:
    services.add_number(None, "554181021119")
    for role in (Role.MANAGER, Role.CAMPAIGN_ADMINISTRATOR, Role.CAMPAIGN_SUPERVISOR):
        with pytest.raises(PermissionDenied):
            services.remove_number(make_user(role), "554181021119", "by mistake")
    master = make_user(Role.MASTER, groups=[])
    with pytest.raises(ValidationError):
        services.remove_number(master, "554181021119", " ")
    services.remove_number(master, "554181021119", "the customer asked to be called again")
    assert not DncNumber.objects.exists()
    removal = DncRemoval.objects.get()
    assert (removal.number, removal.removed_by) == (554181021119, master)


def test_a_bulk_load_names_wrong_lines_and_keeps_the_others() -> None:
    file = io.StringIO("number,reason\n554181021111,x\nabc1\n+55 41 8102 1112\n\n554181021111\n")
    loaded = services.load_numbers(None, file, "list.csv")
    assert (loaded.added, loaded.duplicate, loaded.wrong.count) == (2, 1, 1)
    assert [(line, text) for line, _why, text in loaded.wrong.listed] == [(3, "abc1")]
    assert DncNumber.objects.get(pk=554181021112).source == "list.csv"


def test_replace_takes_off_what_the_file_does_not_have() -> None:
    services.load_numbers(None, io.StringIO("554181021111\n554181021112\n"), "old")
    loaded = services.load_numbers(None, io.StringIO("554181021112\n554181021113\n"), "new", replace=True)
    assert (loaded.added, loaded.duplicate, loaded.removed) == (1, 1, 1)
    removal = DncRemoval.objects.get()
    assert (removal.number, removal.reason) == (554181021111, "replaced by the file new")
    assert sorted(DncNumber.objects.values_list("pk", "source")) == [
        (554181021112, "old"),
        (554181021113, "new"),
    ]


@pytest.mark.parametrize("listed", [True, False])
def test_an_external_service_is_asked_by_the_contract(registry: Registry, listed: bool) -> None:
    registry.reply = (200, json.dumps({"number": "554181021119", "doNotCall": listed}).encode())
    service = external(registry, bearer_token="secret")
    assert services.is_listed(service, "554181021119") is listed
    assert registry.asked == [('{"number":"554181021119"}', "Bearer secret")]


@pytest.mark.parametrize(
    "reply",
    [
        (500, b"{}"),
        (200, b"no json"),
        (200, b"[]"),
        (200, b'{"number": "554181021119"}'),
        (200, b'{"number": "554181021119", "doNotCall": "no"}'),
        (200, b'{"number": "1", "doNotCall": false}'),
        (201, b'{"number": "554181021119", "doNotCall": false}'),
        (302, b""),
    ],
)
def test_a_wrong_answer_is_no_answer(registry: Registry, reply: tuple[int, bytes]) -> None:
    registry.reply = reply
    with pytest.raises(services.DncUnavailableError):
        services.is_listed(external(registry), "554181021119")


def test_an_unreachable_or_slow_service_is_no_answer() -> None:
    nowhere = DncService.objects.create(name="Nowhere", url="http://127.0.0.1:1", timeout_ms=200)
    with pytest.raises(services.DncUnavailableError, match="Nowhere"):
        services.is_listed(nowhere, "554181021119")


def test_a_service_comes_back_by_itself(registry: Registry) -> None:
    service = external(registry, failures_allowed=2)
    services.note_failure(service.pk, "time-out", "554181021119")
    service.refresh_from_db()
    assert (service.state, service.failures) == (DncService.State.UP, 1)
    services.note_answer(service)
    for _ in range(2):
        services.note_failure(service.pk, "time-out", "554181021119")
    service.refresh_from_db()
    assert (service.state, service.failures) == (DncService.State.OUT_OF_SERVICE, 2)
    registry.reply = (503, b"")
    assert services.check_services() == 0
    registry.reply = (200, b'{"number": "554181021119", "doNotCall": false}')
    assert services.check_services() == 1
    service.refresh_from_db()
    assert (service.state, service.last_error, service.failures) == (DncService.State.UP, "", 0)


def test_post_donotcall_answers_the_contract(client: Client) -> None:
    services.add_number(None, "554181021119")

    def ask(body: object) -> tuple[int, object]:
        data = body if isinstance(body, str) else json.dumps(body)
        answer = client.post("/donotcall", data, content_type="application/json")
        return answer.status_code, answer.json()

    assert ask({"number": "554181021119"}) == (200, {"number": "554181021119", "doNotCall": True})
    assert ask({"number": "554181021118"}) == (200, {"number": "554181021118", "doNotCall": False})
    for wrong in (
        "",
        "[]",
        "{}",
        '{"number": 5}',
        '{"number": "12a"}',
        '{"number": "1234567890123456"}',
        '{"number": ""}',
    ):
        status, answer = ask(wrong)
        assert status == 400
        assert "error" in answer  # type: ignore[operator]
    assert client.get("/donotcall").status_code == 405


def test_the_web_server_answers_past_the_middleware() -> None:
    from dialer_project.wsgi import application

    services.add_number(None, "554181021119")

    def ask(method: str, body: bytes, length: str | None = None) -> tuple[str, dict[str, object]]:
        said: list[str] = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": "/donotcall",
            "CONTENT_LENGTH": str(len(body)) if length is None else length,
            "wsgi.input": io.BytesIO(body),
        }
        answer = application(environ, lambda status, headers: said.append(status))
        return said[0], json.loads(b"".join(answer))

    assert ask("POST", b'{"number": "554181021119"}') == (
        "200 OK",
        {"number": "554181021119", "doNotCall": True},
    )
    assert ask("POST", b'{"number": "554181021118"}')[1]["doNotCall"] is False
    assert ask("GET", b"")[0].startswith("405")
    assert ask("POST", b"no")[0].startswith("400")
    assert ask("POST", b"", "99999999999")[0].startswith("413")
