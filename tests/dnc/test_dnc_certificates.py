"""External services over TLS: whom they are trusted by, and the certificate we show (SPEC 8)."""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import Role
from dnc import services
from dnc.models import DncService
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NUMBER = "554181021119"


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A self-signed certificate and its key, in PEM form."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
    more = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(folder / "key"),
        "-out",
        str(folder / name),
    ]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    return (folder / name).read_text(), (folder / "key").read_text()


class Listed(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"number": NUMBER, "doNotCall": True}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The dialer's certificate."""
    return certificate(tmp_path_factory.mktemp("own"), "dialer")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, own: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """A service that talks to nobody but the dialer: its address, its certificate."""
    folder = tmp_path_factory.mktemp("service")
    text, _key = certificate(folder, "service")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=own[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "service", folder / "key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listed)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is no news
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", text
    server.shutdown()
    server.server_close()


def test_a_service_is_asked_when_each_side_trusts_the_other(
    theirs: tuple[str, str], own: tuple[str, str]
) -> None:
    url, trusted = theirs[0], f"# Emissão própria\n{theirs[1]}"
    client_certificate = "\n".join(own)
    right = services.create_service(
        None, name="A", url=url, ca_certificates=trusted, client_certificate=client_certificate
    )
    assert services.is_listed(right, NUMBER)
    unknown_to_us = services.create_service(None, name="B", url=url, client_certificate=client_certificate)
    with pytest.raises(services.DncUnavailableError, match=r"B: .*CERTIFICATE_VERIFY_FAILED"):
        services.is_listed(unknown_to_us, NUMBER)
    without_ours = services.create_service(None, name="C", url=url, ca_certificates=trusted)
    with pytest.raises(services.DncUnavailableError, match="C: "):
        services.is_listed(without_ours, NUMBER)


@pytest.mark.parametrize("field", ["ca_certificates", "client_certificate"])
def test_what_is_no_certificate_is_refused_beside_its_field(field: str) -> None:
    for text in ("a certificate", "é", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"):
        with pytest.raises(ValidationError) as refusal:
            services.create_service(None, name="A", url="https://dnc.example.org", **{field: text})
        assert list(refusal.value.message_dict) == [field]
    assert not DncService.objects.filter(kind="EXTERNAL").exists()


def test_the_page_asks_and_never_shows_the_secrets(
    client: Client, theirs: tuple[str, str], own: tuple[str, str]
) -> None:
    service = services.create_service(
        None, name="A", url=theirs[0], ca_certificates=theirs[1], client_certificate="\n".join(own)
    )
    client.force_login(make_user(Role.MASTER, groups=[]), backend="accounts.backends.RoleBackend")
    page = client.get(f"/dnc/dncservice/{service.pk}/change/").content.decode()
    assert f"/dnc/dncservice/{service.pk}/test/" in page
    assert "PRIVATE KEY" not in page
    answer = client.post(f"/dnc/dncservice/{service.pk}/test/", {"number": "+55 41 8102-1119"})
    assert "The number is listed" in answer.content.decode()
    saved = client.post(
        f"/dnc/dncservice/{service.pk}/change/",
        {
            "name": "A2",
            "url": theirs[0],
            "timeout_ms": 900,
            "failures_allowed": 2,
            "ca_certificates": theirs[1],
        },
    )
    assert saved.status_code == 302
    service.refresh_from_db()
    assert (service.name, service.failures_allowed) == ("A2", 2)
    assert "PRIVATE KEY" in service.client_certificate
