"""Every page that a person can open, each with a role that may see it, and the row that it shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Model, QuerySet

from accounts.models import Role, User
from campaigns.models import Campaign, Schedule
from dnc.models import DncNumber, DncService
from groups.models import DialerGroup
from leads.models import CallAttempt, Lead, LeadUpload
from telephony.models import Carrier, ContactCenter, DialerPort, Queue, ResultRule

if TYPE_CHECKING:
    from playwright.sync_api import Page as Sheet

NOBODY = ""
"""Seen without a sign-in."""


@dataclass(frozen=True)
class Page:
    name: str
    """Of its picture."""
    address: str
    """With `{pk}` where `row` comes in."""
    role: str
    row: Callable[[], QuerySet[Model]] | None = None
    """The newest of these is shown."""
    act: Callable[["Sheet"], None] | None = None
    """What a person does there before the look."""

    def url(self) -> str | None:
        """None where there is no such row."""
        if self.row is None:
            return self.address
        row = self.row().order_by("-pk").first()
        return None if row is None else self.address.format(pk=row.pk)


def open_menu(sheet: "Sheet") -> None:
    sheet.locator(".d-menu-button").first.click()
    sheet.wait_for_selector(".d-menu:popover-open")


def open_summary(sheet: "Sheet") -> None:
    open_menu(sheet)
    sheet.click(".d-menu:popover-open [data-dialog]")
    sheet.wait_for_selector("dialog[open]")


def open_filters(sheet: "Sheet") -> None:
    sheet.locator("a[x-on\\:click*='filterOpen']").first.click()
    sheet.wait_for_selector("#changelist-filter", state="visible")


def save_empty(sheet: "Sheet") -> None:
    sheet.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
    sheet.click("[name=_save]")
    sheet.wait_for_load_state()


def wait_for_docs(sheet: "Sheet") -> None:
    sheet.wait_for_selector("text=/api/v1/campaigns/{id}/start/")


def sign_in_wrongly(sheet: "Sheet") -> None:
    sheet.fill("[name=username]", "somebody")
    sheet.fill("[name=password]", "not this one")
    sheet.click("#login-form button[type=submit]")
    sheet.wait_for_load_state()


def started() -> QuerySet[Campaign]:
    return Campaign.objects.filter(state=Campaign.State.STARTED)


def stopped() -> QuerySet[Campaign]:
    return Campaign.objects.filter(state=Campaign.State.STOPPED)


def leaving() -> QuerySet[Campaign]:
    return Campaign.objects.filter(state=Campaign.State.DELETING)


def leads_of_leaving() -> QuerySet[Lead]:
    return Lead.objects.filter(campaign__state=Campaign.State.DELETING)


def stopped_leads() -> QuerySet[Lead]:
    return Lead.objects.filter(campaign__state=Campaign.State.STOPPED)


def called_leads() -> QuerySet[Lead]:
    return Lead.objects.filter(attempts__gt=0)


def heard() -> QuerySet[CallAttempt]:
    """Calls that the detector listened to."""
    return CallAttempt.objects.exclude(amd_evidence=None)


def unheard() -> QuerySet[CallAttempt]:
    return CallAttempt.objects.filter(state="ENDED", amd_evidence=None)


def closed_schedules() -> QuerySet[Schedule]:
    return Schedule.objects.filter(campaign__state=Campaign.State.STOPPED)


def external() -> QuerySet[DncService]:
    return DncService.objects.exclude(kind=DncService.Kind.EMBEDDED)


def others() -> QuerySet[User]:
    return User.objects.exclude(role=Role.MASTER)


ADMINISTRATOR, MASTER = Role.CAMPAIGN_ADMINISTRATOR, Role.MASTER
SUPERVISOR, MANAGER = Role.CAMPAIGN_SUPERVISOR, Role.MANAGER

PAGES = [
    Page("sign-in", "/login/", NOBODY),
    Page("sign-in-refused", "/login/", NOBODY, act=sign_in_wrongly),
    Page("overview", "/", ADMINISTRATOR),
    Page("overview-master", "/", MASTER),
    Page("overview-manager", "/", MANAGER),
    Page("overview-supervisor", "/", SUPERVISOR),
    Page("campaigns", "/campaigns/campaign/", ADMINISTRATOR),
    Page("campaigns-supervisor", "/campaigns/campaign/", SUPERVISOR),
    Page("campaigns-menu", "/campaigns/campaign/", ADMINISTRATOR, act=open_menu),
    Page("campaigns-filters", "/campaigns/campaign/", ADMINISTRATOR, act=open_filters),
    Page("summary-dialog", "/campaigns/campaign/", ADMINISTRATOR, act=open_summary),
    Page("campaigns-none-found", "/campaigns/campaign/?q=nosuchthing", ADMINISTRATOR),
    Page("campaign-add", "/campaigns/campaign/add/", ADMINISTRATOR),
    Page("campaign-add-refused", "/campaigns/campaign/add/", ADMINISTRATOR, act=save_empty),
    Page("campaign-started", "/campaigns/campaign/{pk}/change/", ADMINISTRATOR, started),
    Page("campaign-stopped", "/campaigns/campaign/{pk}/change/", ADMINISTRATOR, stopped),
    Page("campaign-supervisor", "/campaigns/campaign/{pk}/change/", SUPERVISOR, stopped),
    Page("group-history", "/groups/dialergroup/{pk}/history/", MASTER, DialerGroup.objects.all),
    Page("campaign-delete", "/campaigns/campaign/{pk}/delete/", ADMINISTRATOR, stopped),
    Page("campaign-delete-started", "/campaigns/campaign/{pk}/delete/", ADMINISTRATOR, started),
    Page("campaigns-deleting", "/campaigns/campaign/?state__exact=DELETING", ADMINISTRATOR),
    Page("campaign-deleting", "/campaigns/campaign/{pk}/change/", ADMINISTRATOR, leaving),
    Page(
        "campaign-deleting-schedules", "/campaigns/schedule/?campaign__id__exact={pk}", ADMINISTRATOR, leaving
    ),
    Page("campaign-deleting-leads", "/leads/lead/?campaign__id__exact={pk}", ADMINISTRATOR, leaving),
    Page("campaign-deleting-lead", "/leads/lead/{pk}/change/", ADMINISTRATOR, leads_of_leaving),
    Page("campaign-deleting-summary", "/campaigns/campaign/{pk}/summary/", SUPERVISOR, leaving),
    Page("summary", "/campaigns/campaign/{pk}/summary/", ADMINISTRATOR, started),
    Page("summary-stopped", "/campaigns/campaign/{pk}/summary/", SUPERVISOR, stopped),
    Page("wallboard", "/wallboard/", ADMINISTRATOR),
    Page("wallboard-campaign", "/wallboard/?campaign={pk}", ADMINISTRATOR, started),
    Page("schedules", "/campaigns/schedule/", ADMINISTRATOR),
    Page("schedules-of-campaign", "/campaigns/schedule/?campaign__id__exact={pk}", ADMINISTRATOR, stopped),
    Page("schedule-add", "/campaigns/schedule/add/?campaign={pk}", ADMINISTRATOR, stopped),
    Page("schedule", "/campaigns/schedule/{pk}/change/", ADMINISTRATOR, closed_schedules),
    Page("schedule-delete", "/campaigns/schedule/{pk}/delete/", ADMINISTRATOR, closed_schedules),
    Page("schedules-hours", "/campaigns/schedule/hours/{pk}/", ADMINISTRATOR, stopped),
    Page("leads", "/leads/lead/", ADMINISTRATOR),
    Page("leads-of-campaign", "/leads/lead/?campaign__id__exact={pk}", ADMINISTRATOR, started),
    Page("leads-none-found", "/leads/lead/?q=nosuchthing", ADMINISTRATOR),
    Page("lead-story", "/leads/lead/{pk}/change/", ADMINISTRATOR, called_leads),
    Page("lead-stopped", "/leads/lead/{pk}/change/", ADMINISTRATOR, stopped_leads),
    Page("lead-delete", "/leads/lead/{pk}/delete/", ADMINISTRATOR, stopped_leads),
    Page("uploads", "/leads/leadupload/", ADMINISTRATOR),
    Page("upload-add", "/leads/leadupload/add/?campaign={pk}", ADMINISTRATOR, stopped),
    Page("upload-result", "/leads/leadupload/{pk}/change/", ADMINISTRATOR, LeadUpload.objects.all),
    Page("attempts", "/leads/callattempt/", ADMINISTRATOR),
    Page("attempts-of-campaign", "/leads/callattempt/?campaign__id__exact={pk}", ADMINISTRATOR, started),
    Page("attempt-evidence", "/leads/callattempt/{pk}/change/", ADMINISTRATOR, heard),
    Page("attempt", "/leads/callattempt/{pk}/change/", ADMINISTRATOR, unheard),
    Page("detection", "/detection/", ADMINISTRATOR),
    Page("dnc-numbers", "/dnc/dncnumber/", MASTER),
    Page("dnc-numbers-administrator", "/dnc/dncnumber/", ADMINISTRATOR),
    Page("dnc-number-add", "/dnc/dncnumber/add/", ADMINISTRATOR),
    Page("dnc-number", "/dnc/dncnumber/{pk}/change/", MASTER, DncNumber.objects.all),
    Page("dnc-number-delete", "/dnc/dncnumber/{pk}/delete/", MASTER, DncNumber.objects.all),
    Page("dnc-uploads", "/dnc/dncupload/", MASTER),
    Page("dnc-upload", "/dnc/dncupload/add/", MASTER),
    Page("dnc-removals", "/dnc/dncremoval/", MASTER),
    Page("dnc-services", "/dnc/dncservice/", MASTER),
    Page("dnc-service-add", "/dnc/dncservice/add/", MASTER),
    Page("dnc-service", "/dnc/dncservice/{pk}/change/", MASTER, external),
    Page("dnc-service-test", "/dnc/dncservice/{pk}/test/", MASTER, external),
    Page("users", "/accounts/user/", MASTER),
    Page("user-add", "/accounts/user/add/", MASTER),
    Page("user-add-refused", "/accounts/user/add/", MASTER, act=save_empty),
    Page("user-add-manager", "/accounts/user/add/", MANAGER),
    Page("user", "/accounts/user/{pk}/change/", MASTER, others),
    Page("user-password", "/accounts/user/{pk}/password/", MASTER, others),
    Page("user-delete", "/accounts/user/{pk}/delete/", MASTER, others),
    Page("groups", "/groups/dialergroup/", MASTER),
    Page("groups-manager", "/groups/dialergroup/", MANAGER),
    Page("group-add", "/groups/dialergroup/add/", MASTER),
    Page("group", "/groups/dialergroup/{pk}/change/", MASTER, DialerGroup.objects.all),
    Page("locks", "/accounts/signinlock/", MASTER),
    Page("changes", "/accounts/change/", MASTER),
    Page("ports", "/telephony/dialerport/", MASTER),
    Page("port-add", "/telephony/dialerport/add/", MASTER),
    Page("port", "/telephony/dialerport/{pk}/change/", MASTER, DialerPort.objects.all),
    Page("ports-import", "/telephony/dialerport/import/", MASTER),
    Page("carriers", "/telephony/carrier/", MASTER),
    Page("carrier", "/telephony/carrier/{pk}/change/", MASTER, Carrier.objects.all),
    Page("contact-centres", "/telephony/contactcenter/", MASTER),
    Page("contact-centre-add", "/telephony/contactcenter/add/", MASTER),
    Page("contact-centre", "/telephony/contactcenter/{pk}/change/", MASTER, ContactCenter.objects.all),
    Page("contact-centre-test", "/telephony/contactcenter/{pk}/test/", MASTER, ContactCenter.objects.all),
    Page("queues", "/telephony/queue/", MASTER),
    Page("queue", "/telephony/queue/{pk}/change/", MASTER, Queue.objects.all),
    Page("results", "/telephony/resultrule/", MASTER),
    Page("result", "/telephony/resultrule/{pk}/change/", MASTER, ResultRule.objects.all),
    Page("results-defaults", "/telephony/resultrule/defaults/", MASTER),
    Page("evidence-policy", "/leads/evidencepolicy/", MASTER),
    Page("diagnostics", "/diagnostics/", MASTER),
    Page("leaks", "/diagnostics/leaks/", MASTER),
    Page("api-docs", "/api/docs/", MASTER, act=wait_for_docs),
    Page("refused-403", "/diagnostics/", ADMINISTRATOR),
    Page("missing-404", "/campaigns/campaign/999999/change/", ADMINISTRATOR),
    Page("missing-404-address", "/no/such/page/", ADMINISTRATOR),
    Page("failed-500", "/errors/500.html", ADMINISTRATOR),
    Page("failed-503", "/errors/503.html", ADMINISTRATOR),
    Page("failed-csrf", "/errors/403_csrf.html", NOBODY),
]
