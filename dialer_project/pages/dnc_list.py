"""The pages of the list of do-not-call numbers, of which there may be ten millions: they are never counted to be shown."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from dialer_project.pages.kept_paginator import FoundChangeList
from dnc import selectors

FOUND_UP_TO = 500
"""Numbers that a search lists, ten pages; its user types another digit then."""


class UncountedPaginator(InfinitePaginator):  # type: ignore[misc]  # Unfold has no types
    """Goes on as long as there are rows."""

    template_name = "dialer/pages_without_count.html"


class DncNumberChangeList(FoundChangeList):
    """A search lists the first numbers that begin with its digits; without one there is always a next page to look for."""

    has_next = False
    """Whether there are rows behind those of the page; only of a list that is not counted."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        if self.query.strip():
            found = selectors.first_beginning_with(self.query, FOUND_UP_TO)
            self.list_found(request, found, FOUND_UP_TO)
        return rows

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not isinstance(self.paginator, UncountedPaginator):
            return
        self.look_ahead()
        if not self.result_list and self.page_num > 1:
            self.page_num = self.last_page(request)
            self.look_ahead()

    def last_page(self, request: HttpRequest) -> int:
        """Of a list that is not counted elsewhere, for an address beyond its end: a second in ten millions."""
        count = int(self.queryset.order_by().count())
        return max(1, -(-count // int(self.list_per_page)))

    def look_ahead(self) -> None:
        """Reads the page, by keys from the index, and whether there is another one."""
        first = (self.page_num - 1) * self.list_per_page
        keys = list(self.queryset.values_list("pk", flat=True)[first : first + self.list_per_page + 1])
        self.has_next = len(keys) > self.list_per_page
        self.result_list = self.queryset.filter(pk__in=keys[: self.list_per_page])
