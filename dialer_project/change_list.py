"""The lists of the admin site: which page of one is shown."""

from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest
from unfold.views import ChangeList


class PagedChangeList(ChangeList):  # type: ignore[misc]
    """A page that is not there is the nearest that is: an old address, or rows that went meanwhile, lose neither the
    search nor the filters, as they do with Django's own list.
    """

    page_num: int

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
