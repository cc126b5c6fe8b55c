"""A figure beside its goal, and whether all goals were met: the exit status of a benchmark that has goals."""

import json
import operator
from collections.abc import Callable
from typing import Any

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def goal(value: float | None, relation: str, limit: float) -> dict[str, Any]:
    """`goal(12.3, "<=", 50)`; a figure that could not be taken misses its goal."""
    return {
        "value": value,
        "goal": f"{relation} {limit:g}",
        "met": value is not None and _HOLDS[relation](value, limit),
    }


def tell(goals: dict[str, dict[str, Any]], **more: Any) -> int:
    """Prints the line of JSON; returns the exit status, 1 when a goal was missed."""
    print(json.dumps({"goals": goals, **more}))
    return int(not all(one["met"] for one in goals.values()))
