"""System > Diagnostics (G 7.1), for Masters: health of each part, versions, and the logs as one zip."""

import io
import platform
import re
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Role
from dialer_project import health

MOST_OF_A_LOG = 4 * 1024 * 1024
"""Bytes from the end of each log that go into the zip."""
_PACKAGES = ("Django", "celery", "kombu", "psycopg", "unfold", "granian", "uvloop", "numpy")
_SECRET = re.compile(
    rb"(?i)(password|passwd|secret|token|authorization|response)([\"']?\s*[=:]\s*)(\"[^\"]*\"|\S+)"
)
_IN_ADDRESS = re.compile(rb"(://[^:/\s@]*:)[^@\s]+@")


@never_cache
@require_safe
def diagnostics_page(request: HttpRequest) -> HttpResponse:
    _masters_only(request)
    checks = [(health.PART_NAMES[check.part], check) for check in health.examine()]
    context = {
        **admin.site.each_context(request),
        "title": _("Diagnostics"),
        "checks": checks,
        "versions": versions(),
        "logs": [(path.name, path.stat().st_size) for path in logs()],
    }
    return TemplateResponse(request, "dialer/diagnostics.html", context)


@never_cache
@require_safe
def logs_zip(request: HttpRequest) -> HttpResponse:
    """The end of each log; what looks like a password is struck out."""
    _masters_only(request)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for path in logs():
            target.writestr(path.name, without_secrets(_end_of(path)))
    name = f"dialer-logs-{timezone.now():%Y%m%d-%H%M%S}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(packed.getvalue(), content_type="application/zip", headers=headers)


def without_secrets(text: bytes) -> bytes:
    return _IN_ADDRESS.sub(rb"\1***@", _SECRET.sub(rb"\1\2***", text))


def logs() -> list[Path]:
    folder = Path(settings.VAR_DIR) / "log"
    return sorted(path for path in folder.glob("*.log*") if path.is_file() and not path.is_symlink())


def versions() -> list[tuple[str, str]]:
    number = int(getattr(connection, "pg_version", 0))  # 180006
    database = f"{number // 10000}.{number % 10000}" if number else "–"
    found = [("Python", platform.python_version()), ("PostgreSQL", database), ("Linux", platform.release())]
    for name in _PACKAGES:
        package = "django-unfold" if name == "unfold" else name
        found.append((package, version(package)))
    return found


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MOST_OF_A_LOG))
        return file.read(MOST_OF_A_LOG)


def _masters_only(request: HttpRequest) -> Any:
    if getattr(request.user, "role", None) != Role.MASTER:
        raise PermissionDenied
