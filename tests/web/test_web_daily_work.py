"""The daily work of chapters 6.1 to 6.4 of the guide, in Chromium: hours, numbers, leads, passwords, the keyboard."""

import csv
from datetime import time, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from accounts.models import Role
from campaigns.models import Campaign
from dnc.models import DncNumber
from leads.models import Lead
from tests import factories as make
from tests.web.chromium import MARKS
from tests.web.test_web_browser import page, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["page"]
pytestmark = MARKS


def test_an_administrator_edits_adds_and_removes_schedules(page: "Page") -> None:
    campaign = make.make_campaign(started=False, schedule=False)
    today = timezone.now().date()
    for day in (0, 1, 2):
        opens = timezone.now() + timedelta(days=day, hours=1)
        make.make_schedule(campaign, opens_at=opens, date=today + timedelta(days=day), state="NOT_RUNNING")
    schedules = campaign.schedules.order_by("date")
    sign_in(page, make.make_user(groups=[campaign.group]).username)

    page.goto(f"/campaigns/schedule/?campaign__id__exact={campaign.pk}")
    page.click("a:has-text('Edit all remaining')")
    page.fill("[name=start_time]", "10:15")
    page.fill("[name=end_time]", "23:45")
    page.click("button:has-text('Change all remaining')")
    page.wait_for_selector("text=10:15 – 23:45")
    assert {(one.start_time, one.end_time) for one in schedules.filter(date__gt=today)} == {
        (time(10, 15), time(23, 45))
    }

    page.click("a:has-text('Add a day')")
    added = today + timedelta(days=5)
    page.fill("[name=date]", added.isoformat())
    page.fill("[name=start_time]", "08:00")
    page.fill("[name=end_time]", "12:00")
    page.click("[name=_save]")
    page.wait_for_selector("text=08:00 – 12:00")

    page.locator(f"tr:has-text('{added.isoformat()}') a:has-text('Remove')").click()
    page.click("button:has-text('Yes, delete')")
    page.wait_for_selector("text=08:00 – 12:00", state="detached")
    assert not schedules.filter(date=added).exists()


def test_a_number_is_listed_found_and_taken_off_with_a_reason(page: "Page") -> None:
    make.embedded_dnc()
    sign_in(page, make.make_user().username)
    page.goto("/dnc/dncnumber/add/")
    page.fill("[name=number]", "+55 41 8102-1119")
    page.fill("[name=reason]", "Asked on the phone")
    page.click("[name=_save]")
    page.goto("/dnc/dncnumber/?q=554181021119")
    page.wait_for_selector("tr:has-text('Asked on the phone')")
    assert page.locator("a:has-text('Take off the list')").count() == 0, "only Masters remove"
    page.goto("/dnc/dncnumber/?q=554181021118")
    page.wait_for_selector("text=Nothing matches “554181021118”")

    page.context.clear_cookies()
    sign_in(page, make.make_user(Role.MASTER, []).username)
    page.goto("/dnc/dncnumber/")
    page.click("a:has-text('Take off the list')")
    page.fill("[name=reason]", "Customer again")
    page.click("button:has-text('Take off the list')")
    page.wait_for_url("**/dnc/dncnumber/")
    assert not DncNumber.objects.exists()
    page.goto("/dnc/dncremoval/")
    page.wait_for_selector("tr:has-text('Customer again')")


def test_leads_change_while_the_campaign_is_stopped_and_can_be_downloaded(page: "Page") -> None:
    campaign = make.make_campaign(started=False)
    mary, jose = make.make_lead(campaign, name="Mary"), make.make_lead(campaign, name="José")
    make.make_lead(campaign, name="Done already", pool=Lead.Pool.DONE)
    sign_in(page, make.make_user(groups=[campaign.group]).username)

    page.goto(f"/leads/lead/{mary.pk}/change/")
    page.fill("[name=name]", "Mary Silvester")
    page.click("[name=_save]")
    page.wait_for_selector("tr:has-text('Mary Silvester')")
    assert page.locator("tr:has-text('Done already')").count() == 0
    page.click(".d-segments a:has-text('All')")
    page.wait_for_selector("tr:has-text('Done already')")
    with page.expect_download() as download:
        page.click("a:has-text('Download (CSV)')")
    rows = list(csv.reader(download.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert {"Mary Silvester", "José", "Done already"} <= {cell for row in rows for cell in row}

    page.goto(f"/leads/lead/{jose.pk}/delete/")
    page.click("button:has-text('Yes, delete')")
    page.wait_for_selector("tr:has-text('Mary Silvester')")
    assert not Lead.objects.filter(pk=jose.pk).exists()

    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.STARTED)
    page.goto(f"/leads/lead/{mary.pk}/delete/")
    page.wait_for_url(f"**/leads/lead/{mary.pk}/change/")
    page.wait_for_selector("text=change only while it is stopped")
    assert page.locator("[name=_save]").count() == 0
    assert Lead.objects.filter(pk=mary.pk).exists()


def test_a_master_sets_a_password_and_its_owner_signs_in_in_german(page: "Page") -> None:
    user = make.make_user(username="sam", password="the forgotten pass phrase")
    sign_in(page, make.make_user(Role.MASTER, []).username)
    page.goto(f"/accounts/user/{user.pk}/change/")
    page.click("a:has-text('Set password')")
    page.fill("[name=password]", "short")
    page.click("button:has-text('Set password')")
    page.wait_for_selector("text=too short")
    page.fill("[name=password]", make.PASSWORD)
    page.click("button:has-text('Set password')")
    page.wait_for_url(f"**/accounts/user/{user.pk}/change/")

    page.context.clear_cookies()
    sign_in(page, "sam", language="de")
    assert page.get_attribute("html", "lang") == "de"
    page.wait_for_selector(".d-signed-in >> text=Abmelden")


def test_guessing_a_password_ends_with_a_lock_that_says_how_long(page: "Page") -> None:
    make.make_user(username="sam")
    page.goto("/login/")
    for guess in range(settings.AXES_FAILURE_LIMIT):
        page.fill("[name=username]", "sam")
        page.fill("[name=password]", f"guess {guess}")
        page.click("#login-form button[type=submit]")
        page.wait_for_selector(".errornote:visible")
    page.fill("[name=password]", make.PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_selector("text=Too many wrong passwords. Try again in 15 minutes")
    assert "/login/" in page.url


def test_a_campaign_is_started_looked_at_and_stopped_by_the_keyboard_alone(page: "Page") -> None:
    campaign = make.make_campaign(started=False, name="Spring renewal")
    make.make_port()
    make.make_lead(campaign)
    sign_in(page, make.make_user(groups=[campaign.group]).username)
    page.goto("/campaigns/campaign/")

    def focused(attribute: str) -> str:
        return str(page.evaluate("name => document.activeElement.getAttribute(name)", attribute))

    page.focus("button[data-run]")
    assert focused("aria-label") == "Start Spring renewal"
    page.keyboard.press("Enter")
    page.wait_for_selector("button[aria-label='Stop Spring renewal']")
    assert focused("aria-label") == "Stop Spring renewal", "the focus stays on the button"
    assert page.get_attribute("#d-words", "role") == "status"

    page.keyboard.press("Tab")
    assert "d-menu-button" in focused("class"), "the menu is next"
    page.keyboard.press("Enter")
    page.wait_for_selector(".d-menu:popover-open")
    page.keyboard.press("Escape")
    page.wait_for_selector(".d-menu:popover-open", state="detached")
    assert "d-menu-button" in focused("class")
    page.keyboard.press("Enter")
    for _ in page.query_selector_all(".d-menu:popover-open a"):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('[data-dialog]')"), "the summary is the last"
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    for _ in range(8):
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "document.activeElement.closest('dialog') || document.activeElement === document.body"
        )
        assert inside, "the focus stays in the dialog"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert "d-menu-button" in focused("class"), "and comes back"

    page.focus("button[data-run]")
    page.keyboard.press("Space")
    page.wait_for_selector("button[aria-label='Start Spring renewal']")
    campaign.refresh_from_db()
    assert not campaign.is_started
