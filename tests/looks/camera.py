"""A Chromium that goes to every page as somebody who may see it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.template.loader import render_to_string

from tests.looks.pages import NOBODY, Page
from tests.web.chromium import launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Route
    from playwright.sync_api import Page as Sheet


@dataclass(frozen=True)
class Look:
    """How a person's screen is set."""

    name: str
    width: int
    height: int
    scheme: str


LOOKS = [
    Look("light", 1366, 900, "light"),
    Look("dark", 1366, 900, "dark"),
    Look("narrow", 390, 844, "light"),
]


class Camera:
    """One browser; each role signs in once, and keeps its session in every look."""

    def __init__(self, browser: "Browser", base_url: str, passwords: dict[str, tuple[str, str]]) -> None:
        """`passwords`: user name and password by role."""
        self._browser, self._base_url, self._passwords = browser, base_url, passwords
        self._sessions: dict[str, Any] = {}

    def session(self, role: str) -> Any:
        """Cookies of somebody with the role."""
        if role not in self._sessions:
            context = self._context(None, LOOKS[0])
            if role != NOBODY:
                sheet = context.new_page()
                sheet.goto("/login/")
                sheet.fill("[name=username]", self._passwords[role][0])
                sheet.fill("[name=password]", self._passwords[role][1])
                sheet.click("#login-form button[type=submit]")
                sheet.wait_for_url(re.compile(r"^[^/]+//[^/]+/$"))
            self._sessions[role] = context.storage_state()
            context.close()
        return self._sessions[role]

    def _context(self, session: Any, look: Look) -> "BrowserContext":
        scheme: Any = look.scheme
        context = self._browser.new_context(
            base_url=self._base_url,
            locale="en-US",
            viewport={"width": look.width, "height": look.height},
            color_scheme=scheme,
            storage_state=session,
        )
        context.set_default_timeout(60_000)  # on a busy machine too
        context.route(re.compile(r"/errors/\w+\.html$"), _error_page)
        return context

    @contextmanager
    def at(self, role: str, look: Look) -> Iterator["Sheet"]:
        """An empty sheet of somebody with the role."""
        context = self._context(self.session(role), look)
        try:
            yield context.new_page()
        finally:
            context.close()


def _error_page(route: "Route") -> None:
    """The page as the server would send it: pages of faults can't be asked for."""
    route.fulfill(
        status=500, content_type="text/html", body=render_to_string(route.request.url.split("/")[-1])
    )


def show(sheet: "Sheet", page: Page) -> bool:
    """Goes to the page and does what is done there; False where there is no row to show."""
    address = page.url()
    if address is None:
        return False
    # Live pages keep a connection open: their network is never idle.
    sheet.goto(address, wait_until="load")
    if page.act is not None:
        page.act(sheet)
    sheet.evaluate("document.fonts.ready")
    sheet.wait_for_timeout(150)
    return True


@contextmanager
def camera(base_url: str, passwords: dict[str, tuple[str, str]]) -> Iterator[Camera]:
    with launched() as browser:
        try:
            yield Camera(browser, base_url, passwords)
        finally:
            connections.close_all()  # opened while Playwright's loop ran: nobody finds them after it


def taken(sheet: "Sheet", page: Page, look: Look, path: Path) -> bool:
    """A picture of the page; False, and a word of it, where there is no row to show."""
    shown = show(sheet, page)
    if shown:
        picture(sheet, page, look, path)
    else:
        sys.stderr.write(f"{page.name}: there is no row to show\n")
    return shown


def picture(sheet: "Sheet", page: Page, look: Look, path: Path) -> None:
    """The whole page, with Unfold's bar at its end; of a menu or dialog what the screen shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if page.act is None:
        height = sheet.evaluate("document.documentElement.scrollHeight")
        sheet.set_viewport_size({"width": look.width, "height": min(max(height, look.height), 4000)})
    sheet.screenshot(path=path)
    sheet.set_viewport_size({"width": look.width, "height": look.height})
