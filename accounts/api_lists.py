"""`?search=…` and `?ordering=…` of the API. Imported by name, from the settings."""

from typing import Any

from django.db.models import OrderBy, QuerySet
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request

Parameters = list[dict[str, Any]]


class Search(SearchFilter):
    """Says in the schema where it looks; a list without `search_fields` has none."""

    def words(self, view: Any) -> str:
        """How a search finds, for the schema; empty where there is none."""
        fields: list[str] = getattr(view, "search_fields", None) or []
        where = " or ".join(f"`{name}`" for name in fields)
        return f"Words, each of which stands in {where}." if where else ""

    def get_schema_operation_parameters(self, view: Any) -> Parameters:
        words = self.words(view)
        found: Parameters = super().get_schema_operation_parameters(view) if words else []
        return [{**parameter, "description": words} for parameter in found]


class TotalOrder(OrderingFilter):
    """Rows that are alike in what is sorted by follow each other by id: without that PostgreSQL puts them in another
    order for each page, and a program that reads all pages gets some rows twice and others never.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        order = list(rows.query.order_by or rows.model._meta.ordering or ())
        names = {str(term).lstrip("-") for term in order}
        if names & {"pk", rows.model._meta.pk.name}:
            return rows
        return rows.order_by(*order, "-pk" if order and _is_downwards(order[-1]) else "pk")

    def get_schema_operation_parameters(self, view: Any) -> Parameters:
        names = ", ".join(f"`{name}`" for name in view.ordering_fields)
        words = f"By {names}, or with `-` before it the other way round; several with commas between them."
        found: Parameters = super().get_schema_operation_parameters(view)
        return [{**parameter, "description": words} for parameter in found]


def _is_downwards(term: Any) -> bool:
    return bool(term.descending) if isinstance(term, OrderBy) else str(term).startswith("-")
