"""schemathesis over all operations, as each role: no 5xx, no answer outside the schema.

schemathesis is no dependency of the project: install it anywhere (`pip install schemathesis`) and put it on
the PATH, or name it in `SCHEMATHESIS`. `SCHEMATHESIS_EXAMPLES` (default 20) bounds the work for an operation.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accounts import tokens
from accounts.models import Role
from tests.api.api_world import World

PROGRAM = shutil.which(os.environ.get("SCHEMATHESIS", "schemathesis"))
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "20")
REPORTS = Path(__file__).resolve().parents[2] / "build"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "missing_required_header,unsupported_method,ignored_auth"
)


def write_config(folder: Path, world: World) -> Path:
    """Ids that exist, so that more than 404 is tested."""
    lines = ["[parameters]", f'"path.campaign_pk" = {world.campaign.pk}']
    for name, pk in world.ids().items():
        tail = r"leads/upload" if name == "upload" else name
        key = "number" if name == "numbers" else "id"
        pattern = rf"^/api/v1/(\\S+/)?{tail}/\\{{{key}\\}}"
        lines += [
            "",
            "[[operations]]",
            f'include-path-regex = "{pattern}"',
            f'parameters = {{"path.{key}" = {pk}}}',
        ]
    path = folder / "schemathesis.toml"
    path.write_text("\n".join(lines))
    return path


def run(world: World, role: Role, url: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert PROGRAM is not None
    return subprocess.run(
        [
            PROGRAM, "--config-file", str(write_config(folder, world)), "run", f"{url}/api/schema/",
            "--header", f"Authorization: Bearer {tokens.issue(world.users[role])}", "--checks", CHECKS,
            "--phases", "examples,coverage,fuzzing", "--seed", "1", "--request-timeout", "20", *options,
        ],
        capture_output=True, text=True, check=False, timeout=900, cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.mark.skipif(PROGRAM is None, reason="schemathesis is not installed (see the head of this file)")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", Role.values)
def test_no_operation_breaks_or_leaves_the_schema(role: str, live_server: Any, tmp_path: Path) -> None:
    """Deletions come last: before them there is something to read and change."""
    world = World()
    keeping = run(
        world, Role(role), live_server.url, tmp_path, "--exclude-method", "DELETE", "--max-examples", EXAMPLES
    )
    deleting = run(
        world, Role(role), live_server.url, tmp_path, "--include-method", "DELETE",
        "--exclude-operation-id", "auth_token_destroy", "--max-examples", "3",
    )  # fmt: skip
    report = keeping.stdout + keeping.stderr + deleting.stdout + deleting.stderr
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"schemathesis-{role.lower()}.txt").write_text(report)
    assert (keeping.returncode, deleting.returncode) == (0, 0), report[-20000:]
