"""docs/rules.md names for each rule a test that exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TABLE = TESTS.parent / "docs" / "rules.md"


def test_every_rule_names_a_test_that_exists() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]
    assert {line.split("|")[1].strip().split(".")[0] for line in rows} == {*"2345678", "10", "11"}
    for line in rows:
        (named,) = re.findall(r"`([\w/]+\.py)::(\w+)`", line)
        tree = ast.parse((TESTS / named[0]).read_text(encoding="utf-8"))
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert named[1] in found, f"{named[0]} has no {named[1]}"
