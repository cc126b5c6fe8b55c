"""The OpenAPI schema and its page."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client


def test_schema_is_valid_and_without_warnings() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "/api/v1/campaigns/{campaign_pk}/leads/upload/" in out.getvalue()


@pytest.mark.django_db
def test_docs_page_loads_nothing_from_elsewhere() -> None:
    client = Client()
    page = client.get("/api/docs/").content.decode()
    script = client.get("/api/docs/?script=").content.decode()
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert addresses
    assert all(address.startswith(("/static/", "/api/")) for address in addresses)
    assert "http" not in "".join(addresses)
    assert '"validatorUrl": null' in script
    assert client.get("/api/schema/").status_code == 200
