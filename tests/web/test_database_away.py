"""The web process while no PostgreSQL listens: who asks is told so, in their form and language, and when to come back."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import OperationalError

from accounts.database_away import is_away
from dialer_project.processes.ports import free_port
from tests.patience import PATIENCE

PROJECT = Path(__file__).resolve().parents[2]
TOKEN = {"Authorization": "Bearer 0123456789"}
SESSION = {"Cookie": "sessionid=0123456789abcdef0123456789abcdef"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the web process as it is started in production, its database at a port where nobody listens."""
    nowhere, port = (free_port("127.0.0.1", 0, socket.SOCK_STREAM) for _ in range(2))
    words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    environ = {
        **os.environ,
        "DATABASE_URL": f"postgresql://somebody:secret@127.0.0.1:{nowhere}/dialer",
        "DIALER_VAR": str(tmp_path_factory.mktemp("var")),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *words, "dialer_project.wsgi:application"],
        cwd=PROJECT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert httpx.get(f"{url}/healthz").status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the web process did not start"
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/v1/campaigns/", TOKEN),
        ("POST", "/api/v1/campaigns/1/start/", TOKEN),
        ("GET", "/api/v1/campaigns/", SESSION),  # found by the middleware, before the API is reached
        ("POST", "/api/v1/auth/token/", {}),
    ],
)
def test_a_program_gets_a_problem_and_when_to_ask_again(
    web: str, method: str, path: str, headers: dict[str, str]
) -> None:
    sign_in = {"username": "ada", "password": "a pass phrase"}
    answer = httpx.request(
        method,
        web + path,
        headers={**headers, "Accept-Language": "de"},
        json=sign_in if method == "POST" else None,
    )
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) == 5
    told = answer.json()
    assert (told["type"], told["status"]) == ("urn:dialer:problem:unavailable", 503)
    assert told["detail"].startswith("Die Datenbank antwortet nicht.")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "The database does not answer"),
        ("pt", "O banco de dados não responde"),
        ("fr", "La base de données ne répond pas"),
        ("es", "La base de datos no responde"),
        ("de", "Die Datenbank antwortet nicht"),
    ],
)
@pytest.mark.parametrize("path", ["/campaigns/campaign/", "/"])
def test_people_get_a_page_in_their_language(web: str, path: str, language: str, words: str) -> None:
    answer = httpx.get(web + path, headers={**SESSION, "Accept-Language": language})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) == 5
    assert answer.headers["content-type"].startswith("text/html")
    assert f"<h1>{words}</h1>" in answer.text
    assert f'<html lang="{language}">' in answer.text


def test_a_sign_in_gets_the_page_too(web: str) -> None:
    with httpx.Client(base_url=web) as browser:
        page = browser.get("/login/")
        assert page.status_code == 200, "the page itself needs no database"
        sent = {
            "username": "ada",
            "password": "a pass phrase",
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        answer = browser.post("/login/", data=sent)
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_who_asks_the_do_not_call_list_is_told_to_call_nobody(web: str) -> None:
    answer = httpx.post(f"{web}/donotcall", json={"number": "554181021119"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) == 5
    assert "Call nobody" in answer.json()["error"]
    assert "doNotCall" not in answer.json()


def test_a_fault_of_a_statement_is_not_taken_for_a_lost_database() -> None:
    class CauseError(Exception):
        def __init__(self, sqlstate: str) -> None:
            self.sqlstate = sqlstate

    def raised(sqlstate: str) -> Any:
        error = OperationalError("words")
        error.__cause__ = CauseError(sqlstate)
        return error

    assert [is_away(raised(code)) for code in ("57P01", "08006", "53300")] == [True] * 3
    assert [is_away(raised(code)) for code in ("57014", "40P01", "55P03")] == [False] * 3
    assert is_away(OperationalError("connection refused"))
    assert not is_away(ValueError())
