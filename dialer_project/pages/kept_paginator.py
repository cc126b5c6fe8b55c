"""The pages of the lists of leads and call records: how many there are comes from the kept counts, or from the search."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import scope
from accounts.paging import LargePaginator
from dialer_project.change_list import PagedChangeList
from leads import attempt_search, counts, search
from leads.models import LeadCount

RECORDS_UP_TO = 100_000
"""Call records that a list has, 4,000 pages; its user filters or searches for others. Tens of millions would take
seconds to be counted for every page."""


class FoundChangeList(PagedChangeList):
    """A list whose search has found its rows already."""

    def list_found(self, request: HttpRequest, found: list[int], most: int) -> None:
        """Lists the rows with these keys, of which a search gives `most` and no more."""
        request.__dict__["found"] = found
        self.is_cut_off = len(found) >= most

    def get_results(self, request: HttpRequest) -> None:
        """A single page reads what was found, too, instead of searching all leads once more."""
        super().get_results(request)
        if not self.multi_page or (self.show_all and self.can_show_all):
            self.result_list = self.paginator.object_list.all()


class KeptCountChangeList(FoundChangeList):
    """Counts by the filters of the list. A search lists the first that it finds (`leads.search`)."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        if self.query.strip():
            pk = request.GET.get("campaign__id__exact", "")
            campaign = int(pk) if pk.isdecimal() and len(pk) < 19 else None
            self.list_found(request, search.first_found(rows, self.query, campaign), search.FOUND_UP_TO)
        else:
            kept = scope.visible(request.user, LeadCount.objects.all())
            for chosen in self.filter_specs:
                filtered = chosen.queryset(request, kept)
                kept = kept if filtered is None else filtered
            request.__dict__["kept_count"] = counts.total(kept)
        return rows


class NewestFoundChangeList(FoundChangeList):
    """A list of call records, up to a bound; a search lists the newest that it finds (`leads.attempt_search`)."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        if self.query.strip():
            found = attempt_search.first_found(rows, self.query)
            self.list_found(request, found, attempt_search.FOUND_UP_TO)
        else:
            count = rows.order_by()[: RECORDS_UP_TO + 1].count()
            request.__dict__["kept_count"] = min(count, RECORDS_UP_TO)
            self.is_cut_off = count > RECORDS_UP_TO
        return rows


def paginator(request: HttpRequest, rows: QuerySet[Any], per_page: int) -> LargePaginator:
    """For `ModelAdmin.get_paginator` of a list with a `KeptCountChangeList`."""
    found = request.__dict__.get("found")
    if found is not None:
        return LargePaginator(rows.filter(pk__in=found), per_page, kept_count=len(found))
    return LargePaginator(rows, per_page, kept_count=request.__dict__.get("kept_count"))
