"""Small pieces of HTML that several pages show: badges of states and results, links, progress bars."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Schedule
from campaigns.selectors import Summary
from dnc.models import DncService
from leads.models import Lead, LeadStatus
from telephony.models import ContactCenter, DialerPort
from uploads.models import FileUpload

GOOD, BAD, WARN, INFO, QUIET = "good", "bad", "warn", "info", "quiet"

_TONES: dict[type, dict[str, str]] = {
    Campaign.State: {Campaign.State.STARTED: GOOD, Campaign.State.DELETING: WARN},
    Schedule.State: {Schedule.State.RUNNING: GOOD, Schedule.State.DNC_OOS: BAD},
    DncService.State: {DncService.State.UP: GOOD, DncService.State.OUT_OF_SERVICE: BAD},
    FileUpload.State: {
        FileUpload.State.HELD: WARN,
        FileUpload.State.RUNNING: INFO,
        FileUpload.State.DONE: GOOD,
        FileUpload.State.FAILED: BAD,
    },
    Lead.Pool: {Lead.Pool.CLAIMED: INFO, Lead.Pool.WAITING: WARN},
    DialerPort.State: {
        DialerPort.State.REGISTERED: GOOD,
        DialerPort.State.READY: GOOD,
        DialerPort.State.FAILED: BAD,
        DialerPort.State.UNREACHABLE: BAD,
    },
    ContactCenter.State: {
        ContactCenter.State.CONNECTED: GOOD,
        ContactCenter.State.STALE: WARN,
        ContactCenter.State.FAILED: BAD,
    },
    LeadStatus: {
        LeadStatus.SUCCESS: GOOD,
        LeadStatus.FAILED: WARN,
        LeadStatus.BUSY: WARN,
        LeadStatus.REFUSED: BAD,
        LeadStatus.AMD: INFO,
        LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE: BAD,
        LeadStatus.DO_NOT_CALL: BAD,
    },
}

PICTURE_ORDER = [
    LeadStatus.SUCCESS,
    LeadStatus.AMD,
    LeadStatus.BUSY,
    LeadStatus.REFUSED,
    LeadStatus.FAILED,
    LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE,
    LeadStatus.DO_NOT_CALL,
    LeadStatus.UNKNOWN,
    LeadStatus.NOT_CALLED,
]
"""Results in the order in which pictures show them; each has its own colour in dialer.css."""


def badge(words: str | Promise, tone: str = QUIET, live: str = "") -> SafeString:
    """A short word on a coloured ground; `live` names the figure that changes it."""
    return format_html('<span class="d-badge d-{}"{}>{}</span>', tone, _live(live), words)


def tone(kind: type, value: str) -> str:
    return _TONES[kind].get(value, QUIET)


def state_badge(kind: type, value: str, live: str = "") -> SafeString:
    """A badge for a value of one of the `TextChoices` above."""
    if not value:
        return format_html("–")
    return badge(kind(value).label, tone(kind, value), live)


def link(address: str, words: object) -> SafeString:
    return format_html('<a class="d-link" href="{}">{}</a>', address, words)


def picture(key: str, summary: Summary) -> SafeString:
    """One bar of all leads, parted by status; the figures beside it say the same."""
    parts = (
        (
            status.lower().replace("_", "-"),
            f"{key}.{status}.share",
            share(summary, status),
            status.label,
        )
        for status in PICTURE_ORDER
    )
    return format_html(
        '<span class="d-bar" aria-hidden="true">{}</span>',
        format_html_join(
            "", '<i class="d-part d-{}" data-live-width="{}" style="width:{}%" title="{}"></i>', parts
        ),
    )


def share(summary: Summary, status: str) -> str:
    """Percent of the leads that have this status, for CSS."""
    return f"{100 * summary.by_status[status] / summary.total:.2f}" if summary.total else "0"


def progress(key: str, summary: Summary) -> SafeString:
    """Of a campaign's row: the bar, and how many leads are done."""
    words = _("%(done)s of %(total)s done") % {
        "done": figure(f"{key}.done", summary.done),
        "total": figure(f"{key}.total", summary.total),
    }
    return format_html(
        '<span class="d-progress">{}<span class="d-small">{}</span></span>',
        picture(key, summary),
        SafeString(words),
    )


def figure(key: str, value: object) -> SafeString:
    """A number that the page keeps up to date."""
    return format_html("<span{}>{}</span>", _live(key), value)


def lines(words: Iterable[object]) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", ((line,) for line in words))


def _live(key: str) -> SafeString:
    return format_html(' data-live="{}"', key) if key else SafeString("")
