"""Chromium drives the application as people do (G 6.4): sign in, create, upload, start, watch, stop."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import Role
from campaigns.models import Campaign
from leads.models import Lead
from tests import factories as make
from tests.web.chromium import MARKS, faults_of, launched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


@pytest.fixture
def page(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator["Page"]:
    """A page of a fresh browser. Fails the test when it asks another host for anything, or when a script fails."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread
    with launched() as browser:
        context = browser.new_context(
            base_url=live_server.url, locale="en-US", viewport={"width": 1280, "height": 900}
        )
        context.set_default_timeout(30_000)  # on a busy machine too
        sheet = context.new_page()
        faults = faults_of(sheet, live_server.url)
        yield sheet
        connections.close_all()  # opened while Playwright's loop ran: nobody finds them after it
    assert not faults


def sign_in(page: "Page", username: str, language: str = "en") -> None:
    page.goto("/")
    if language != "en":
        with page.expect_navigation():
            page.select_option("[name=language]", language)
    page.fill("[name=username]", username)
    page.fill("[name=password]", make.PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_url("**/")


def test_an_administrator_creates_fills_starts_watches_and_stops_a_campaign(
    page: "Page", tmp_path: Path
) -> None:
    user = make.make_user()
    make.make_port()
    queue = make.make_queue(name="sales", pilot_number="8000")
    voice = make.make_queue(name="survey", kind="IVR", pilot_number="8100")
    sign_in(page, user.username)

    page.goto("/campaigns/campaign/add/")
    page.fill("[name=name]", "Spring renewal")
    today = timezone.now().date().isoformat()
    page.fill("[name=start_date]", today)
    page.fill("[name=end_date]", today)
    page.fill("[name=start_time]", "00:00")
    page.fill("[name=end_time]", "23:59")
    for box in page.query_selector_all("[name=weekdays]"):
        box.check()
    assert page.locator(f"[name=queue] option[value='{voice.pk}']").is_disabled(), "queues of the other type"
    page.select_option("[name=queue]", str(queue.pk))
    assert page.input_value("[name=pilot_number]") == "8000", "filled in from the queue"
    page.click("[name=_save]")
    campaign = Campaign.objects.get(name="Spring renewal")
    assert campaign.schedules.count() == 1

    page.goto(f"/leads/leadupload/add/?campaign={campaign.pk}")
    leads = tmp_path / "leads.csv"
    leads.write_text("Mary Silvester,554183015031\nJosé,554183015032\nNobody,abc\n", encoding="utf-8")
    page.set_input_files("[name=file]", leads)
    page.click("[name=_save]")
    page.wait_for_selector("text=by its place: no header names it")
    assert not Lead.objects.exists(), "nothing is imported before it is confirmed"
    page.click("button[name=import]")
    page.wait_for_selector("text=2 added, 0 duplicate, 1 invalid")
    with page.expect_download() as download:
        page.click("text=Download (CSV)")
    assert "Nobody" in download.value.path().read_text(encoding="utf-8-sig")

    page.goto("/campaigns/campaign/")
    page.click("button:has-text('Start')")
    page.wait_for_selector("#d-words >> text=“Spring renewal” is started.")
    assert page.url.endswith("/campaigns/campaign/"), "the page stays"
    page.wait_for_selector("button:has-text('Stop')")
    campaign.refresh_from_db()
    assert campaign.is_started

    page.goto(f"/campaigns/campaign/{campaign.pk}/summary/")
    success = page.locator(f"dd[data-live='c{campaign.pk}.done']")
    assert success.inner_text() == "0"
    Lead.objects.filter(name="José").update(status="SUCCESS", pool=Lead.Pool.DONE, attempts=1)
    page.wait_for_function(
        f"document.querySelector(\"dd[data-live='c{campaign.pk}.done']\").textContent === '1'"
    )

    page.click("button:has-text('Stop')")
    page.wait_for_selector("#d-words >> text=“Spring renewal” is stopped.")
    page.wait_for_selector("button:has-text('Start')")
    campaign.refresh_from_db()
    assert not campaign.is_started


def test_a_refused_start_says_why_and_the_menu_of_a_row_works_by_keyboard(page: "Page") -> None:
    user = make.make_user()
    campaign = make.make_campaign(group=user.dialer_groups.get(), started=False, schedule=False)
    sign_in(page, user.username)
    page.goto("/campaigns/campaign/")
    page.click("button:has-text('Start')")
    page.wait_for_selector("#d-words >> text=No schedule is left.")
    page.focus(".d-menu-button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".d-menu:popover-open >> text=Summary")
    page.click(".d-menu:popover-open >> text=Schedules")
    page.wait_for_url(f"**/campaigns/schedule/?campaign__id__exact={campaign.pk}")


def test_every_page_of_a_master_in_portuguese_asks_no_other_host(page: "Page") -> None:
    master = make.make_user(Role.MASTER, [])
    sign_in(page, master.username, language="pt")
    links = [link.get_attribute("href") for link in page.query_selector_all("#nav-sidebar a[href^='/']")]
    assert len(links) > 8
    for address in dict.fromkeys(links):
        assert address
        page.goto(address)
        assert page.get_attribute("html", "lang") == "pt"
    page.wait_for_selector(".d-signed-in >> text=Sair")
