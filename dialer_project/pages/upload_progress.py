"""How far the import of a file is: a bar that moves, and the figures behind it."""

from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dialer_project.pages import marks
from uploads.models import FileUpload


def key(upload: FileUpload, name: str) -> str:
    """Name of a figure of this upload on the page."""
    return f"u{upload.pk}.{name}"


def figures(upload: FileUpload) -> dict[str, Any]:
    """What the page asks for each second, as `dialer.js` puts it into its places."""
    shown: dict[str, Any] = {
        "state": upload.get_state_display(),
        "state.tone": marks.tone(FileUpload.State, upload.state),
        "percent": upload.percent,
        "percent_words": f"{upload.percent} %",
        "read": _read(upload),
        "added": _number(upload.added),
        "duplicate": _number(upload.duplicate),
        "invalid": _number(upload.invalid),
        "removed": _number(getattr(upload, "removed", 0)),
        "error": upload.error or "–",
        "refused": upload.has_refused,
    }
    return {"running": not upload.is_over, **{key(upload, name): value for name, value in shown.items()}}


def bar(upload: FileUpload, source: str) -> SafeString:
    """State, bar and rows read; while the import is not over the page asks `source` each second."""
    badge = marks.state_badge(FileUpload.State, upload.state, key(upload, "state"))
    if upload.is_over:
        return badge
    return format_html(
        '{}<span class="d-progress"><span class="d-bar" aria-hidden="true">'
        '<i class="d-part d-success" data-live-width="{}" style="width:{}%"></i></span>'
        '<span class="d-small">{} · {}</span></span>'
        '<span data-live-source="{}" data-live-lost="{}" hidden></span>',
        badge,
        key(upload, "percent"),
        upload.percent,
        marks.figure(key(upload, "percent_words"), f"{upload.percent} %"),
        marks.figure(key(upload, "read"), _read(upload)),
        source,
        _("The figures stand still: the server does not answer. They move again as soon as it does."),
    )


def refused_link(upload: FileUpload, address: str) -> SafeString:
    """To the refused rows; hidden until there are some."""
    link = marks.link(address, _("Download (CSV)"))
    if upload.has_refused:
        return link
    if upload.is_over:
        return SafeString("–")
    return format_html('<span data-live-note="{}" hidden>{}</span>', key(upload, "refused"), link)


def _read(upload: FileUpload) -> str:
    """In rows, where they are counted while the file is read; else in bytes."""
    if upload.read_rows:
        return f"{_number(upload.read_rows)} {_('rows read')}"
    return filesizeformat(upload.read_bytes)


def _number(value: int) -> str:
    return formats.number_format(value, use_l10n=True, force_grouping=True)
