"""The lists of the admin site: which page of one is shown."""

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR
from django.http import HttpRequest
from unfold.views import ChangeList

PLACE = ("campaign__id__exact",)
"""What in an address says whose list it is, where all the others search in it."""


class PagedChangeList(ChangeList):  # type: ignore[misc]
    """A page that is not there is the nearest that is: an old address, or rows that went meanwhile, lose neither the
    search nor the filters, as they do with Django's own list.
    """

    page_num: int
    is_cut_off = False
    """Whether the list ends before the last of the rows that were asked for."""

    def get_results(self, request: HttpRequest) -> None:
        self.page_num = max(self.page_num, 1)
        try:
            super().get_results(request)
        except IncorrectLookupParameters:
            self.page_num = self.last_page(request)
            super().get_results(request)
        if not self.multi_page:
            self.page_num = 1

    def last_page(self, request: HttpRequest) -> int:
        return int(self.model_admin.get_paginator(request, self.queryset, self.list_per_page).num_pages)

    @property
    def hides_rows(self) -> bool:
        """Whether there is a row that search and filters, also those of the list itself, leave out. For an empty list."""
        place = {name: self.params[name] for name in PLACE if name in self.params}
        return bool(self.root_queryset.filter(**place).exists())

    @property
    def everything(self) -> str:
        """The address of the same list without search and filters; empty when all of it is shown."""
        asked = {name: value for name, value in self.params.items() if name != ORDER_VAR}
        whole = {name: asked[name] for name in PLACE if name in asked} | self.model_admin.without_filters
        if asked == whole:
            return ""
        return str(self.get_query_string(whole, remove=list(asked.keys() - whole.keys())))
