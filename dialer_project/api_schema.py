"""Finishing touches on the OpenAPI schema: the errors that every operation may answer with."""

from typing import Any

from accounts import api_problem

_BODY = {"post", "put", "patch"}
_CHANGE = {"put", "patch"}
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string", "pattern": r'^("[0-9a-f]{32}"|\*)$'},
    "description": "ETag of the object as it was read; without it a change is made whatever happened meanwhile.",
}
_DESCRIPTIONS = {
    "400": "Wrong input: each wrong field with a reason.",
    "401": "Not signed in, or the token is not valid any more.",
    "403": "The role does not allow it.",
    "404": "Not there, or of another group.",
    "406": "The answer is not to be had in a content type that `Accept` names.",
    "409": "In use, or changed by somebody else.",
    "412": "Somebody else has changed it since: `If-Match` is not its ETag any more.",
    "413": "The body is too large.",
    "415": "The body's content type is not known here.",
    "429": "Too many tries.",
    "503": "The database does not answer; `Retry-After` says when to ask again.",
}


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A POSTPROCESSING_HOOK of drf-spectacular."""
    result["components"].setdefault("schemas", {})["Problem"] = api_problem.SCHEMA
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for code in _codes(path, method):
                operation["responses"].setdefault(code, _response(_DESCRIPTIONS[code]))
            if method in _CHANGE:
                operation.setdefault("parameters", []).append(_IF_MATCH)
    _let_empty_match_twice(result["components"])
    return result


def _let_empty_match_twice(part: Any) -> None:
    """`oneOf` a pattern or the empty text, where the pattern takes the empty text too, would refuse it."""
    if isinstance(part, dict):
        kinds = part.get("oneOf")
        if isinstance(kinds, list) and any("pattern" in kind for kind in kinds):
            part["anyOf"] = part.pop("oneOf")
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _let_empty_match_twice(inner)


def _codes(path: str, method: str) -> list[str]:
    codes = ["400", "401", "403", "404", "406"]
    if method in _BODY:
        codes += ["409", "413", "415"]
    if method in _CHANGE:
        codes.append("412")
    if method == "delete":
        codes.append("409")
    if path.endswith(("/auth/token/", "/push/")):
        codes.append("429")
    return [*codes, "503"]


def _response(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {api_problem.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
