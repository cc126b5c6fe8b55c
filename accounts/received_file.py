"""How large a file may be that somebody uploads, whichever door it comes through."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAX_UPLOAD = 512 * 1024 * 1024
"""Bytes of an uploaded file."""


def too_large() -> str:
    return _("The file is larger than %(size)d MB.") % {"size": MAX_UPLOAD // 1024**2}


def require_size(file: Any) -> None:
    """Validator of form fields."""
    if (file.size or 0) > MAX_UPLOAD:
        raise ValidationError(too_large())
