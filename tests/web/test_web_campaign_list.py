"""What the list of campaigns and the summary show, item by item (G 6.4, SPEC 4 and 10)."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from campaigns.models import Campaign
from leads.models import Lead, LeadStatus
from tests import factories as make
from tests.api.api_world import client_of
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db
LIST = "/campaigns/campaign/"
MENU = ["Settings", "Schedules", "Leads", "Upload leads", "Call attempts", "Summary"]


@pytest.fixture
def ana() -> User:
    return make.make_user(Role.CAMPAIGN_ADMINISTRATOR)


@pytest.fixture
def browser(ana: User) -> Client:
    return signed_in(ana)


def cells(page: str) -> list[str]:
    """The words of the cells of the list's only row."""
    body = page.partition('id="result_list"')[2].partition("</table>")[0]
    parts = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", body.partition("</thead>")[2], re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", part)).split()) for part in parts]


@pytest.mark.parametrize(
    ("started", "kind", "state", "button"),
    [(False, "OSCC", "Stopped", "Start"), (True, "IVR", "Started", "Stop")],
)
def test_a_row_shows_what_the_guide_names(
    browser: Client, ana: User, started: bool, kind: str, state: str, button: str
) -> None:
    group = ana.dialer_groups.get()
    queue = make.make_queue(name="sales", kind=kind)
    campaign = make.make_campaign(
        started=started, name="Spring renewal", description="Contracts that end", group=group, queue=queue, type=kind
    )  # fmt: skip
    page = browser.get(LIST).content.decode()
    words = " | ".join(cells(page))
    for shown in ("Spring renewal", "Contracts that end", state, kind, "sales", group.name, button):
        assert shown in words, (shown, words)
    menu = page.partition(f'id="menu-{campaign.pk}"')[2].partition("</span></a></span>")[0]
    items = re.findall(r'href="([^"]+)"[^>]*><span[^>]*>\w+</span>([^<]+)</a>', menu)
    assert [title for _address, title in items] == MENU
    for address, title in items:
        assert browser.get(unescape(address)).status_code == 200, title


def test_the_menu_of_a_supervisor_has_what_supervisors_see(ana: User) -> None:
    group = ana.dialer_groups.get()
    make.make_campaign(group=group)
    page = signed_in(make.make_user(Role.CAMPAIGN_SUPERVISOR, [group])).get(LIST).content.decode()
    titles = re.findall(
        r'<span class="material-symbols-outlined" aria-hidden="true">\w+</span>([^<]+)</a>', page
    )
    assert [title for title in titles if title in MENU] == ["Settings", "Schedules", "Summary"]


def test_ten_rows_a_page(browser: Client, ana: User) -> None:
    group, queue = ana.dialer_groups.get(), make.make_queue()
    for number in range(12):
        make.make_campaign(name=f"Campaign {number:02}", group=group, queue=queue, schedule=False)
    names = [
        [row.name for row in browser.get(LIST, {"p": page}).context["cl"].result_list] for page in (1, 2)
    ]
    assert names == [[f"Campaign {n:02}" for n in range(10)], ["Campaign 10", "Campaign 11"]]


def test_the_overview_has_the_started_ones_first_and_the_deleted_ones_last(
    browser: Client, ana: User
) -> None:
    group, queue = ana.dialer_groups.get(), make.make_queue()
    for name, state in (
        ("Older", "STOPPED"),
        ("Busy", "STARTED"),
        ("Newer", "STOPPED"),
        ("Leaving", "DELETING"),
    ):
        make.make_campaign(name=name, state=state, group=group, queue=queue, schedule=False)
    page = browser.get("/").content.decode()
    shown = re.findall(r"/campaigns/campaign/\d+/summary/[^>]*>\s*(\w+)\s*<", page)
    assert shown == ["Busy", "Newer", "Older", "Leaving"]


# --- the summary ---------------------------------------------------------------------------------------------

COUNTED = dict(zip(LeadStatus.values, range(2, 11), strict=True))
"""So many leads of each status, each number once."""


@pytest.fixture
def counted(ana: User) -> Campaign:
    group = ana.dialer_groups.get()
    group.description = "People of the north"
    group.save()
    campaign = make.make_campaign(
        started=False, name="Spring renewal", description="Contracts that end", group=group,
        queue=make.make_queue(name="survey", kind="IVR"), type="IVR",
        pilot_number="8123", max_attempts=17, retry_delay=93,
    )  # fmt: skip
    due = timezone.now() + timedelta(days=1)
    for status, count in COUNTED.items():
        done = status in {LeadStatus.SUCCESS, LeadStatus.DO_NOT_CALL}
        dialed = status not in {LeadStatus.NOT_CALLED, LeadStatus.DO_NOT_CALL}
        make.make_leads(
            campaign, count, status=status, attempts=3 if dialed else 0, next_attempt_at=due,
            pool=Lead.Pool.DONE if done else Lead.Pool.WAITING,
        )  # fmt: skip
    return campaign


def test_the_page_of_the_summary_has_every_field_and_every_count(browser: Client, counted: Campaign) -> None:
    page = browser.get(f"{LIST}{counted.pk}/summary/").content.decode()
    settings = dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", page, re.DOTALL))
    plain = {name: re.sub(r"<[^>]+>", "", value) for name, value in settings.items()}
    wanted = {
        "Name": "Spring renewal", "Description": "Contracts that end", "Pilot number": "8123", "Maximum attempts": "17",
        "Retry delay": "93 minutes", "State": "Stopped", "Type": "Channels of an IVR", "Queue": "survey",
        "Dialer group": counted.group.name, "Group description": "People of the north",
    }  # fmt: skip
    assert {name: plain.get(name) for name in wanted} | {"Type": ""} == wanted | {"Type": ""}
    assert "IVR" in plain["Type"]
    shown = dict(re.findall(rf'data-live="c{counted.pk}\.(\w+)">([^<]*)<', page))
    assert {status: shown[status] for status in COUNTED} == {
        status: str(count) for status, count in COUNTED.items()
    }
    calls = 3 * sum(count for status, count in COUNTED.items() if status not in {"NOT_CALLED", "DO_NOT_CALL"})
    done = COUNTED["SUCCESS"] + COUNTED["DO_NOT_CALL"]
    total = sum(COUNTED.values())
    for key, count in {"total": total, "done": done, "waiting": total - done, "attempts": calls}.items():
        assert shown[key].replace(",", "") == str(count), key
    assert shown["next_due"] not in {"", "–"}


def test_the_api_tells_the_same_summary(ana: User, counted: Campaign) -> None:
    told: dict[str, Any] = client_of(ana).get(f"/api/v1/campaigns/{counted.pk}/summary").json()
    leads = told.pop("leads")
    assert told == {
        "id": counted.pk, "name": "Spring renewal", "description": "Contracts that end", "pilot_number": "8123",
        "max_attempts": 17, "retry_delay": 93, "state": "STOPPED", "type": "IVR", "group": counted.group.pk,
        "group_name": counted.group.name, "group_description": "People of the north",
    }  # fmt: skip
    assert leads["by_status"] == COUNTED
    assert leads["total"] == sum(COUNTED.values())
    assert leads["attempts"] == 3 * (sum(COUNTED.values()) - COUNTED["NOT_CALLED"] - COUNTED["DO_NOT_CALL"])
    assert leads["next_due"] is not None
