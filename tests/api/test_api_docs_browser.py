"""The documentation page in Chromium: it shows the operations, and asks no other host for anything."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs /usr/bin/chromium (apt-get install chromium)"),
]


def test_the_docs_page_works_without_the_internet(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread
    outside: list[str] = []
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(base_url=live_server.url)
        own = (live_server.url, "data:", "blob:")
        page.on(
            "request", lambda request: None if request.url.startswith(own) else outside.append(request.url)
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto("/api/docs/")
        page.wait_for_selector("text=/api/v1/campaigns/{id}/start/", timeout=30_000)
        page.wait_for_timeout(500)
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/api-docs.png")
        browser.close()
        connections.close_all()  # opened while Playwright's loop ran: nobody finds them after it
    assert not outside
    assert not faults
