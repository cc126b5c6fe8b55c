"""Downloads of a list, as it is filtered and searched."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from accounts.export import KINDS


class ExportedList:
    """For admin classes: `exported` writes the rows; the list has a button for each kind of file."""

    exported: Callable[[str, QuerySet[Any]], HttpResponseBase]
    more_links: Sequence[tuple[str, str, Any]] = ()
    """Further buttons: page, icon, words."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        query = f"?{request.GET.urlencode()}" if request.GET else ""
        address: Callable[..., str] = self.url  # type: ignore[attr-defined]
        links = [
            (address(f"export_{kind}") + query, "download", _("Download (%(kind)s)") % {"kind": kind.upper()})
            for kind in KINDS
        ]
        links += [(address(page), icon, words) for page, icon, words in self.more_links]
        more = {"bar_links": links, **(extra_context or {})}
        return super().changelist_view(request, more)  # type: ignore[misc]

    def pages(self) -> list[Any]:
        kinds = [(f"export.{kind}", f"export_{kind}", partial(self.export_view, kind)) for kind in KINDS]
        return [*kinds, *super().pages()]  # type: ignore[misc]

    def export_view(self, kind: str, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        try:
            found = self.get_changelist_instance(request)  # type: ignore[attr-defined]
        except IncorrectLookupParameters:  # of an address that somebody has typed: the list says so
            return HttpResponseRedirect(f"{self.url('changelist')}?e=1")  # type: ignore[attr-defined]
        return type(self).exported(kind, found.queryset)
