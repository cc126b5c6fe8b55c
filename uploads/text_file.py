"""Telling a text file from what people send instead of one."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""What a file of each encoding may begin with."""
_OTHER_KINDS = (
    (b"\xd0\xcf\x11\xe0", "Excel 97 (.xls)"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"{\\rtf", "RTF"),
)


def refuse_other_kinds(head: bytes) -> None:
    """Raises ValidationError when the file begins as one of another kind, or is empty."""
    if not head.strip():
        raise ValidationError(_("The file is empty."))
    for mark, kind in _OTHER_KINDS:
        if head.startswith(mark):
            raise ValidationError(
                _("This is a file of the kind %(kind)s. Save it as CSV or xlsx.") % {"kind": kind}
            )


def marked_encoding(head: bytes) -> str:
    """The encoding that a byte order mark says; empty without one."""
    return next((encoding for bom, encoding in BOMS if head.startswith(bom)), "")


def without_mark(head: bytes) -> str:
    """UTF-16 that does not say so: of western text every second byte is zero. Empty when it is not."""
    low, high = head[0::2].count(0), head[1::2].count(0)
    if max(low, high) * 3 < len(head) or min(low, high):
        return ""
    encoding = "utf-16-le" if high else "utf-16-be"
    return encoding if any(map(str.isalnum, head.decode(encoding, errors="replace"))) else ""


def refuse_binary(sample: str) -> None:
    """Raises ValidationError when the decoded beginning is no text."""
    if "\x00" in sample:
        raise ValidationError(_("The file is not a text file. Save it as CSV."))
