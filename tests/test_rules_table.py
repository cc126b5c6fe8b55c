"""docs/rules.md and docs/sip.md name for each rule and claim a test that exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.sipp.test_scenarios import SCENARIOS

TESTS = Path(__file__).resolve().parent
DOCS = TESTS.parent / "docs"


def rows_of(page: str) -> list[str]:
    """The rows below the heads of a page's tables."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| ") and not re.match(r"\| (rule|claim) \|", line)]


@pytest.mark.parametrize("page", ["rules.md", "sip.md"])
def test_every_row_names_a_test_that_exists(page: str) -> None:
    for row in rows_of(page):
        ((file, function, scenario),) = re.findall(r"`([\w/]+\.py)::(\w+)(?:\[(\w+)\])?` \|$", row)
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in found, f"{file} has no {function}"
        assert not scenario or scenario in SCENARIOS, f"there is no scenario {scenario}"


def test_every_section_of_the_specification_has_its_rules() -> None:
    sections = {row.split("|")[1].strip().split(".")[0] for row in rows_of("rules.md")}
    assert sections == {*"2345678", "10", "11"}


def test_every_part_of_the_user_agent_has_its_claims() -> None:
    parts = re.split(r"^## ", (DOCS / "sip.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert {part.partition("\n")[0] for part in parts} == {
        "Messages", "Transports and names", "Transactions", "Dialogs", "Registrar", "Session description", "Transfer",
        "Session timers", "Caller identity", "RTP", "Results", "Bad input",
    }  # fmt: skip
    assert all("::test_" in part for part in parts)
