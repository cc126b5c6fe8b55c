"""Every page, as its role sees it: accessible in both themes, not wider than a telephone, nothing from elsewhere.

`make looks` and CI walk through all pages; the default run looks at the ones people live in.
"""

import json
import os
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import Role
from amd.detector import Detector
from dialer_project.navigation import UNFOLD
from leads import evidence
from tests import factories as make
from tests.amd.amd_signals import frames, silence, speech
from tests.looks.camera import LOOKS, camera, show
from tests.looks.extras import make_extras, make_leaving
from tests.looks.pages import NOBODY, PAGES, Page
from tests.web.chromium import MARKS, faults_of
from tests.web.web_world import make_world

if TYPE_CHECKING:
    from playwright.sync_api import Page as Sheet

pytestmark = MARKS

CORE = {"sign-in", "campaigns", "campaign-add", "summary-dialog", "leads", "wallboard"}
"""Looked at in every run of the tests."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DARK = """() => {
    document.documentElement.classList.add("dark");  // what Unfold does when a page is loaded in the dark
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { transition: none !important }");
    document.adoptedStyleSheets = [sheet];
}"""
_SERIOUS = {"serious", "critical"}


@cache
def axe() -> str:
    """axe-core's script. It is put into the page by the browser, past the page's own content policy."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """A world with something on every page; user name and password of each role."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread
    world = make_world()
    side = world.ours
    make.put_into_groups(side.people[Role.MASTER], side.group)
    make_extras(side.group, side.campaign.queue)
    make_leaving(side.group, side.campaign.queue)
    started = make.make_campaign(name="Autumn survey", group=side.group, queue=side.campaign.queue)
    make.make_leads(started, 3)
    called = make.make_lead(started, attempts=1, status="AMD")
    detector, heard = Detector(), b""
    for frame in frames(silence(0.4), speech(0.6), silence(5)):
        heard += frame
        if detector.feed(frame):
            break
    attempt = make.make_attempt(
        called, state="ENDED", ended_at=timezone.now(), result="AMD", amd_verdict="MACHINE", sip_code=200
    )
    evidence.change_policy(None, keep_sound="ALL")
    evidence.keep(attempt.pk, detector.finish().label, detector.evidence().as_json(), heard)
    return {role: (user.username, make.PASSWORD) for role, user in side.people.items()}


def violations(sheet: "Sheet", rules: list[str]) -> list[str]:
    found = sheet.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']}).then(run => run.violations)",
        rules,
    )
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]} {_why(node)}"
        for one in found
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    data = [check.get("data") or {} for check in [*node["any"], *node["all"]]]
    return json.dumps(
        [
            {key: one[key] for key in one if "olor" in key or "Ratio" in key}
            for one in data
            if isinstance(one, dict)
        ]
    )


def too_wide(sheet: "Sheet") -> list[str]:
    """What makes the page wider than the screen."""
    return sheet.evaluate(  # type: ignore[no-any-return]
        """() => {
            const wide = document.documentElement.scrollWidth - innerWidth;
            if (wide <= 0) return [];
            const reach = [...document.querySelectorAll("main *, #main *, body > *")]
                .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
                .map(one => `${one.tagName}.${one.className}`.slice(0, 120));
            return [`${wide} px too wide`, ...reach.slice(0, 3)];
        }"""
    )


def look_at(sheet: "Sheet", page: Page) -> list[str]:
    light, narrow = LOOKS[0], LOOKS[2]
    sheet.set_viewport_size({"width": light.width, "height": light.height})
    sheet.emulate_media(color_scheme="light")
    assert show(sheet, page), f"{page.name}: there is no row to show"
    if page.name == "api-docs":
        return []  # Swagger's own page
    sheet.evaluate(axe())
    wrong = [f"{page.name}, light: {one}" for one in violations(sheet, RULES)]
    sheet.emulate_media(color_scheme="dark")
    sheet.evaluate(DARK)
    wrong += [f"{page.name}, dark: {one}" for one in violations(sheet, ["color-contrast"])]
    sheet.set_viewport_size({"width": narrow.width, "height": narrow.height})
    return wrong + [f"{page.name}, narrow: {one}" for one in too_wide(sheet)]


def walk(live_server: Any, passwords: dict[str, tuple[str, str]], pages: list[Page]) -> list[str]:
    """What is wrong with these pages."""
    wrong: list[str] = []
    with camera(live_server.url, passwords) as chromium:
        for role in sorted({page.role for page in pages}):
            with chromium.at(role, LOOKS[0]) as sheet:
                faults = faults_of(sheet, live_server.url)
                for page in pages:
                    if page.role == role:
                        wrong += look_at(sheet, page)
                wrong += faults
    return wrong


def test_the_pages_people_live_in(live_server: Any, passwords: dict[str, tuple[str, str]]) -> None:
    wrong = walk(live_server, passwords, [page for page in PAGES if page.name in CORE])
    assert not wrong, "\n".join(wrong)


@pytest.mark.looks
@pytest.mark.parametrize("role", [NOBODY, *Role.values])
def test_every_page(live_server: Any, passwords: dict[str, tuple[str, str]], role: str) -> None:
    wrong = walk(live_server, passwords, [page for page in PAGES if page.role == role])
    assert not wrong, "\n".join(wrong)


def test_every_page_of_the_sidebar_is_looked_at() -> None:
    looked_at = {page.address for page in PAGES}
    items = [item for part in UNFOLD["SIDEBAR"]["navigation"] for item in part["items"]]
    missing = {str(item["link"]) for item in items} - looked_at
    assert not missing, f"add to tests/looks/pages.py: {missing}"
