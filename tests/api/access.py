"""SPEC 2 said once more by hand: who may do which operation of the API. The walk and the schema round hold it."""

import re
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from accounts.models import Role

ROLES = {"M": Role.MASTER, "G": Role.MANAGER, "A": Role.CAMPAIGN_ADMINISTRATOR, "S": Role.CAMPAIGN_SUPERVISOR}

# Who may read a collection, and who may change it how.
ACCESS = {
    "auth/me": {"get": "MGAS"},
    "auth/token": {"delete": "MGAS"},
    "users": {"get": "MG", "post": "MG", "put": "MG", "patch": "MG", "delete": "MG"},
    "groups": {"get": "MG", "post": "M", "put": "MG", "patch": "MG"},
    "campaigns": {"get": "AS", "post": "A", "put": "A", "patch": "A", "delete": "A"},
    "campaigns/start": {"post": "A"},
    "campaigns/stop": {"post": "A"},
    "campaigns/summary": {"get": "AS"},
    "campaigns/summary/export": {"get": "AS"},
    "campaigns/export": {"get": "AS"},
    "campaigns/why": {"get": "AS"},
    "campaigns/now": {"get": "AS"},
    "campaigns/schedules": {"get": "AS", "post": "A", "put": "A", "patch": "A", "delete": "A"},
    "campaigns/schedules/remaining": {"post": "A"},
    "campaigns/leads": {"get": "A", "post": "A", "put": "A", "patch": "A", "delete": "A"},
    "campaigns/leads/story": {"get": "A"},
    "campaigns/leads/export": {"get": "A"},
    "campaigns/leads/upload": {"get": "A", "post": "A"},
    "campaigns/leads/upload/preview": {"post": "A"},
    "campaigns/leads/upload/refused-rows": {"get": "A"},
    "attempts": {"get": "A"},
    "attempts/export": {"get": "A"},
    "attempts/evidence": {"get": "A"},
    "attempts/sound": {"get": "A"},
    "attempts/label": {"get": "AS", "put": "A", "delete": "A"},
    "dnc/services": {"get": "MGAS", "post": "M", "put": "M", "patch": "M", "delete": "M"},
    "dnc/services/test": {"post": "M"},
    "dnc/numbers": {"get": "MGA", "post": "MGA", "delete": "M"},
    "dnc/numbers/upload": {"get": "MGA", "post": "MGA"},
    "dnc/numbers/upload/refused-rows": {"get": "MGA"},
    "dnc/removals": {"get": "M"},
    "ports": {"get": "M", "post": "M", "put": "M", "patch": "M", "delete": "M"},
    "ports/export": {"get": "M"},
    "ports/import": {"post": "M"},
    "contact-centers": {"get": "M", "post": "M", "put": "M", "patch": "M", "delete": "M"},
    "carriers": {"get": "M", "post": "M", "put": "M", "patch": "M", "delete": "M"},
    "result-rules": {"get": "M", "post": "M", "put": "M", "patch": "M", "delete": "M"},
    "result-rules/restore": {"post": "M"},
    "changes": {"get": "M"},
    "locks": {"get": "M", "delete": "M"},
    "queues": {"get": "MGAS", "post": "M", "put": "M", "patch": "M", "delete": "M"},
}
OPEN_TO_ALL = {
    ("/api/v1/auth/token/", "post"),
    ("/api/v1/contact-centers/{id}/push/", "post"),  # signed by the centre: tests/contact_center/test_push.py
}
BOUND_TO_GROUPS = ("users", "groups", "campaigns", "attempts")


@cache
def operations() -> list[tuple[str, str]]:
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    return [(path, method) for path, methods in schema["paths"].items() for method in methods]


def collection(path: str) -> str:
    return re.sub(r"/\{\w+\}", "", path).removeprefix("/api/v1/").strip("/")
