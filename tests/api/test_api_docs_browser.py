"""The documentation page in Chromium: it shows the operations, and asks no other host for anything."""

import os
from typing import Any

import pytest
from django.db import connections

from tests.web.chromium import MARKS, faults_of, launched

pytestmark = MARKS


def test_the_docs_page_works_without_the_internet(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread
    with launched() as browser:
        page = browser.new_page(base_url=live_server.url)
        faults = faults_of(page, live_server.url)
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto("/api/docs/")
        page.wait_for_selector("text=/api/v1/campaigns/{id}/start/", timeout=30_000)
        page.wait_for_timeout(500)
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/api-docs.png")
        connections.close_all()  # opened while Playwright's loop ran: nobody finds them after it
    assert not faults
