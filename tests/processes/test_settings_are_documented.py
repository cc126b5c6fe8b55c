"""Every environment variable that the code reads is in docs/settings.md, and nothing else is."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
APPS = ("dialer_project", "dialing", "campaigns", "leads", "dnc", "groups", "accounts", "telephony", "amd")
READER = re.compile(r"\benv\.(?:text|flag|integer|words|networks|servers)\(\s*\"([A-Z_]+)\"")


def test_docs_name_every_environment_variable() -> None:
    read = {"TEST_DATABASE_URL", "TEST_REDIS_URL"}
    for app in APPS:
        for path in (PROJECT / app).rglob("*.py"):
            read.update(READER.findall(path.read_text(encoding="utf-8")))
    table = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8").split("## ")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    }
    assert named == read
