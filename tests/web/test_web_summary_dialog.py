"""The summary as a dialog on the list of campaigns (G 6.4): by mouse as a Campaign Administrator has it, in Chromium.

By keyboard, and as a Campaign Supervisor: `test_web_role_journeys`.
"""

from typing import TYPE_CHECKING

from accounts.models import Role
from campaigns.models import Campaign
from leads.models import Lead
from tests import factories as make
from tests.web.test_web_browser import page, pytestmark, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["page", "pytestmark"]

COUNTS = {"total": 13, "done": 3, "waiting": 10, "in_flight": 0, "attempts": 14}
STATUSES = {
    "NOT_CALLED": 4, "SUCCESS": 2, "BUSY": 1, "REFUSED": 1, "FAILED": 1, "AMD": 1, "DO_NOT_CALL": 1, "UNKNOWN": 1,
    "SERVICE_TEMPORARY_UNAVAILABLE": 1,
}  # fmt: skip


def campaign_with_numbers() -> Campaign:
    """A campaign below another one on the list, with leads of every status."""
    other = make.make_campaign(started=False, name="Autumn survey")
    make.make_leads(other, 3)
    campaign = make.make_campaign(
        started=False, name="Spring renewal", group=other.group, queue=other.queue, pilot_number="8123"
    )
    make.make_leads(campaign, 4)
    make.make_leads(campaign, 2, status="SUCCESS", pool=Lead.Pool.DONE, attempts=1)
    others = ["BUSY", "REFUSED", "FAILED", "AMD", "SERVICE_TEMPORARY_UNAVAILABLE", "UNKNOWN"]
    for status in others:
        make.make_lead(campaign, status=status, attempts=2)
    make.make_lead(campaign, status="DO_NOT_CALL", pool=Lead.Pool.DONE)
    return campaign


def is_on_top(dialog: "Locator") -> bool:
    """Whether a click anywhere meets the dialog: in its middle, and beside it (there its backdrop)."""
    return bool(
        dialog.evaluate(
            """dialog => {
                const box = dialog.getBoundingClientRect();
                const at = (x, y) => dialog.contains(document.elementFromPoint(x, y));
                return at((box.left + box.right) / 2, (box.top + box.bottom) / 2) && at(2, 2)
                    && at(innerWidth - 3, innerHeight - 3);
            }"""
        )
    )


def test_the_summary_opens_and_closes_by_mouse(page: "Page") -> None:
    campaign = campaign_with_numbers()
    sign_in(page, make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group]).username)
    page.goto("/campaigns/campaign/")
    button = page.locator(f"[popovertarget='menu-{campaign.pk}']")
    dialog = page.locator("dialog[open]")

    def opened() -> "Locator":
        button.click()
        page.click(".d-menu:popover-open >> text=Summary")
        dialog.wait_for()
        assert page.locator(".d-menu:popover-open").count() == 0, "the menu is away"
        return dialog

    def is_closed() -> None:
        dialog.wait_for(state="detached")
        assert button.evaluate("button => button === document.activeElement"), "focus comes back"
        assert page.url.endswith("/campaigns/campaign/"), "the list is still there"

    opened()
    assert is_on_top(dialog)
    assert dialog.locator("h2", has_text="Spring renewal").count() == 1
    for kind, numbers in (("dd", COUNTS), ("td", STATUSES)):
        shown = {
            key: dialog.locator(f"{kind}[data-live='c{campaign.pk}.{key}']").inner_text() for key in numbers
        }
        assert shown == {key: str(number) for key, number in numbers.items()}
    assert dialog.locator("dd", has_text="8123").count() == 1

    box = dialog.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 5, box["y"] + box["height"] - 5)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert dialog.is_visible(), "a click into it, on its very edge too, does not close it"

    dialog.locator("button", has_text="Close").click()
    is_closed()
    opened()
    page.mouse.click(3, 3)
    is_closed()
    opened()
    page.keyboard.press("Escape")
    is_closed()
    opened().locator("a", has_text="Open as a page").click()
    page.wait_for_url(f"**/campaigns/campaign/{campaign.pk}/summary/")
