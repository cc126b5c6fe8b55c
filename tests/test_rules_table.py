"""docs/rules.md, docs/sip.md and docs/bad-input.md name for each rule, claim and bad input tests that exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.sipp.test_scenarios import SCENARIOS

TESTS = Path(__file__).resolve().parent
DOCS = TESTS.parent / "docs"
BAD_INPUT = {
    "wrong encodings", "formulas in cells, coming in", "formulas in cells, going out", "files of 500 MB", "half uploads",
    "two uploads at once", "names of 10,000 characters", "numbers with letters", "dates reversed",
    "times across midnight", "two people editing one thing", "stale pages", "guessed ids", "missing CSRF token",
}  # fmt: skip


def rows_of(page: str) -> list[str]:
    """The rows below the heads of a page's tables."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [
        line for line in lines if line.startswith("| ") and not re.match(r"\| (rule|claim|input) \|", line)
    ]


def check(cell: str) -> None:
    """Every test that the cell names is there, and it names one."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)(?:\[(\w+)\])?`", cell)
    assert named, f"no test in: {cell}"
    for file, function, scenario in named:
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in found, f"{file} has no {function}"
        assert not scenario or scenario in SCENARIOS, f"there is no scenario {scenario}"


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" | ")]


@pytest.mark.parametrize("page", ["rules.md", "sip.md"])
def test_every_row_names_tests_that_exist(page: str) -> None:
    for row in rows_of(page):
        check(cells(row)[-1])


def test_every_bad_input_names_tests_that_exist_for_both_doors() -> None:
    found = [cells(row) for row in rows_of("bad-input.md")]
    assert {kind for kind, *_rest in found} == BAD_INPUT
    for _kind, _becomes, page, program in found:
        check(page)
        check(program)


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
