"""Each role does its part of the work through the pages, in Chromium, and does not find what is not theirs."""

from typing import TYPE_CHECKING

from accounts.models import Role, User
from groups.models import DialerGroup
from tests import factories as make
from tests.web.test_web_browser import page, pytestmark, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["page", "pytestmark"]


def sidebar(page: "Page") -> set[str]:
    links = page.query_selector_all("#nav-sidebar a[href^='/']")
    return {str(link.get_attribute("href")) for link in links}


def test_a_master_makes_a_group_and_a_manager_for_it(page: "Page") -> None:
    sign_in(page, make.make_user(Role.MASTER, []).username)
    assert "/accounts/change/" in sidebar(page)
    assert "/campaigns/campaign/" not in sidebar(page), "campaigns are of their groups' people"

    page.goto("/groups/dialergroup/add/")
    page.fill("[name=name]", "North")
    page.click("[name=_save]")
    group = DialerGroup.objects.get(name="North")

    page.goto("/accounts/user/add/")
    page.fill("[name=username]", "rui")
    page.fill("[name=password]", make.PASSWORD)
    page.fill("[name=first_name]", "Rui")
    page.fill("[name=last_name]", "Costa")
    page.select_option("[name=role]", Role.MANAGER)
    page.check(f"[name=dialer_groups][value='{group.pk}']")
    page.click("[name=_save]")
    assert User.objects.get(username="rui").has_perm("groups.change_dialergroup", group)

    page.goto(f"/groups/dialergroup/{group.pk}/change/")
    page.click(f"a[href*='/dialergroup/{group.pk}/history/']")
    page.wait_for_selector(".d-badge:has-text('Created')")


def test_a_manager_disables_the_group_and_its_people_are_out(page: "Page") -> None:
    group = make.make_group(name="North")
    make.make_user(Role.CAMPAIGN_SUPERVISOR, [group], username="sam")
    sign_in(page, make.make_user(Role.MANAGER, [group]).username)
    assert not sidebar(page) & {"/accounts/change/", "/telephony/dialerport/", "/campaigns/campaign/"}

    page.goto("/accounts/user/add/")
    assert page.locator("[name=role] option[value=MASTER]").count() == 0
    page.goto(f"/groups/dialergroup/{group.pk}/change/")
    assert page.locator("[name=name]").count() == 0, "the name is the Masters'"
    page.uncheck("[name=enabled]")
    page.click("[name=_save]")
    assert not DialerGroup.objects.get(pk=group.pk).enabled

    page.context.clear_cookies()
    page.goto("/login/")
    page.fill("[name=username]", "sam")
    page.fill("[name=password]", make.PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_load_state()
    assert "/login/" in page.url


def test_a_supervisor_looks_and_changes_nothing(page: "Page") -> None:
    campaign = make.make_campaign(started=False, name="Spring renewal")
    make.make_lead(campaign)
    sign_in(page, make.make_user(Role.CAMPAIGN_SUPERVISOR, [campaign.group]).username)
    assert not sidebar(page) & {"/leads/lead/", "/accounts/user/", "/telephony/dialerport/"}

    page.goto("/campaigns/campaign/")
    assert page.locator("button:has-text('Start')").count() == 0
    page.focus(".d-menu-button")
    page.keyboard.press("Enter")
    page.focus(".d-menu:popover-open [data-dialog]")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] >> text=Spring renewal")
    assert page.locator(f"dialog[open] dd[data-live='c{campaign.pk}.total']").inner_text() == "1"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.evaluate("document.activeElement.className").startswith("d-menu-button"), "focus comes back"

    page.goto(f"/campaigns/campaign/{campaign.pk}/change/")
    assert page.locator("[name=_save]").count() == 0
    page.goto("/dnc/dncservice/")
    assert page.locator("a[href$='/add/']").count() == 0
