"""Pages of lists with millions of rows, for admin and API."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

COUNTED_UP_TO = 10_000
"""Rows that are counted where no kept count is; a list ends there, and its user narrows the search."""


class LargePaginator(Paginator):  # type: ignore[type-arg]  # can't be subscripted at run time
    """`kept_count` says how many rows there are; without it they are counted up to a bound.

    A page is found by its keys alone, which an index holds, and read by them: the rows of the pages before it,
    with all they are joined to, are left alone.
    """

    def __init__(self, rows: QuerySet[Any], per_page: int, *args: Any, kept_count: int | None = None) -> None:
        super().__init__(rows, per_page, *args)
        self._kept_count = kept_count

    @cached_property
    def count(self) -> int:
        if self._kept_count is not None:
            return self._kept_count
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED_UP_TO].count())

    def page(self, number: Any) -> "Page[Any]":
        found = super().page(number)
        rows: Any = self.object_list
        first = (found.number - 1) * self.per_page
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        found.object_list = rows.filter(pk__in=keys)
        return found
