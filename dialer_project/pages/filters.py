"""Filters of lists. A filter never names a row that its user may not see."""

from typing import Any, ClassVar

from django.contrib.admin import RelatedFieldListFilter, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import scope
from accounts.scope import Action
from campaigns.models import Campaign
from groups.models import DialerGroup
from leads.models import Lead
from telephony.models import Queue


def _named(rows: QuerySet[Any]) -> list[tuple[str, Any]]:
    """At most 200 choices: a longer list is for the search field."""
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:200]]


class ScopedRelatedFilter(RelatedFieldListFilter):
    """Offers the rows that scope shows."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        rows = scope.visible(request.user, field.remote_field.model._default_manager.all())
        return _named(rows)


class CampaignFilter(ScopedRelatedFilter):
    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return _named(scope.visible(request.user, Campaign.objects.all()))


class CampaignGroupFilter(RelatedFieldListFilter):
    """The user's own groups: campaign people may not see the list of groups itself."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        own = scope.groups_where(request.user, Action.VIEW, Campaign)  # type: ignore[arg-type]  # signed in
        return _named(DialerGroup.objects.filter(pk__in=own))


class CampaignQueueFilter(RelatedFieldListFilter):
    """Queues of the campaigns that the user sees."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        used = scope.visible(request.user, Campaign.objects.all()).values("queue")
        queues = scope.visible(request.user, Queue.objects.filter(pk__in=used))
        return _named(queues)


class VerdictFilter(SimpleListFilter):
    """Calls by what the detector said."""

    title = _("machine detection")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("HUMAN", _("Person")), ("MACHINE", _("Machine")), ("NOTSURE", _("Not sure"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in {"HUMAN", "MACHINE", "NOTSURE"}
        return queryset.filter(amd_verdict=self.value()) if known else queryset


class LabelFilter(SimpleListFilter):
    """Analysed calls that somebody has listened to, or that wait for it."""

    title = _("label")
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("HUMAN", _("Was a person")),
            ("MACHINE", _("Was a machine")),
            ("none", _("Sound kept, no label yet")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in {"HUMAN", "MACHINE"}:
            return queryset.filter(amd_label__heard=self.value())
        if self.value() == "none":
            return queryset.filter(amd_evidence__sound__isnull=False, amd_label=None)
        return queryset


class NotYetDoneFilter(SimpleListFilter):
    """Leads not yet done, unless asked otherwise (G 6.4)."""

    title = _("progress")
    parameter_name = "progress"

    options: ClassVar = [("", _("Not yet done")), ("done", _("Done")), ("all", _("All"))]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return self.options[1:]

    @classmethod
    def segments(cls, request: HttpRequest) -> list[dict[str, Any]]:
        """The same choice above the list: what is hidden by default must not look lost."""
        chosen = request.GET.get(cls.parameter_name, "")
        query = request.GET.copy()
        query.pop("p", None)
        rows = []
        for value, words in cls.options:
            query[cls.parameter_name] = value
            if not value:
                del query[cls.parameter_name]
            rows.append({"title": words, "url": f"?{query.urlencode()}", "active": value == chosen})
        return rows

    def choices(self, changelist: Any) -> Any:
        for value, words in [(None, self.options[0][1]), *self.lookup_choices]:
            chosen = self.value() == value or (value is None and self.value() not in {"done", "all"})
            query = changelist.get_query_string(
                {self.parameter_name: value} if value else {}, [] if value else [self.parameter_name]
            )
            yield {"selected": chosen, "query_string": query, "display": words}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "done":
            return queryset.filter(pool=Lead.Pool.DONE)
        if self.value() == "all":
            return queryset
        return queryset.exclude(pool=Lead.Pool.DONE)
