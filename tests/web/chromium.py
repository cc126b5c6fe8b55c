"""Debian's Chromium, as the browser tests and the pictures drive it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

MARKS = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs /usr/bin/chromium (apt-get install chromium)"),
]
"""Of a module whose tests drive it."""


@contextmanager
def launched() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


def faults_of(page: "Page", own: str) -> list[str]:
    """What goes wrong from now on: requests to another host than `own`, and scripts that fail."""
    faults: list[str] = []
    allowed = (own, "data:", "blob:")
    page.on(
        "request",
        lambda request: None if request.url.startswith(allowed) else faults.append(f"asks {request.url}"),
    )
    page.on("pageerror", lambda error: faults.append(f"a script fails: {error}"))
    return faults
