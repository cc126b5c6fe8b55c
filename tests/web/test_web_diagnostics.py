"""System > Diagnostics: Masters see health, versions and logs; nobody else does, and no log gives a password away."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Role
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def logs(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_text("start\npassword=open-sesame redis://u:open-sesame@h/0\n")
    (tmp_path / "secret_key").write_text("open-sesame")


def test_a_master_sees_the_parts_and_takes_the_logs_home() -> None:
    browser = signed_in(make.make_user(Role.MASTER, []))
    page = browser.get("/diagnostics/").content.decode()
    assert "PostgreSQL answers." in page
    assert "web.log" in page
    answer = browser.get("/diagnostics/logs/")
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    assert packed.namelist() == ["web.log"]
    assert packed.read("web.log") == b"start\npassword=*** redis://u:***@h/0\n"


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.MASTER])
def test_nobody_else_gets_in(role: str) -> None:
    browser = signed_in(make.make_user(role))
    assert browser.get("/diagnostics/").status_code == browser.get("/diagnostics/logs/").status_code == 403
