"""`campaigns/{id}/leads` and `attempts` of the API."""

from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from django.apps import apps
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from accounts import scope
from accounts.api_base import CRUD, CrudViewSet, FilterSet, ModelSerializer, ReadViewSet, ScopedViewSet
from accounts.api_formats import Pages
from accounts.api_lists import Search, TotalOrder
from accounts.export import KINDS
from accounts.paging import LargePaginator
from accounts.scope import Action
from leads import attempt_search, counts, export, search, services
from leads.models import CallAttempt, Lead, LeadCount

IN_CAMPAIGN = OpenApiParameter(
    "campaign_pk", OpenApiTypes.INT64, OpenApiParameter.PATH, description="Campaign."
)

EXPORT = extend_schema(
    parameters=[OpenApiParameter("kind", str, enum=list(KINDS), default="csv", description="Of the file.")],
    responses={(200, kind.partition(";")[0]): OpenApiTypes.BINARY for kind in KINDS.values()},
)


def visible_campaigns(request: Any) -> QuerySet[Any]:
    """The campaigns that the caller sees. Their floor lies above, hence by name."""
    campaigns: QuerySet[Any] = apps.get_model("campaigns", "Campaign").objects.all()
    return scope.visible(request.user, campaigns) if request is not None else campaigns


def visible_leads(request: Any) -> QuerySet[Lead]:
    leads = Lead.objects.all()
    return scope.visible(request.user, leads) if request is not None else leads


class InCampaign(ScopedViewSet):
    """Part of a viewset below `campaigns/{campaign_pk}/`: only rows of that campaign."""

    campaign: Any
    """The campaign of the address."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A campaign that the caller does not see is not there, whatever the request wants."""
        super().initial(request, *args, **kwargs)
        if self.action is not None:
            self.campaign = get_object_or_404(visible_campaigns(request), pk=kwargs["campaign_pk"])

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(campaign=self.campaign)


class LeadSerializer(ModelSerializer):
    """A lead. `next_attempt_at` is null when it is in a call or done."""

    phone_number = serializers.CharField(
        max_length=40, help_text="As people write it; kept as the digits that are dialed (E.164)."
    )
    next_attempt_at = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields = (
            "id", "campaign", "name", "description", "phone_number", "attempts", "status", "pool", "next_attempt_at",
        )  # fmt: skip
        read_only_fields = ("campaign", "attempts", "status", "pool")

    def get_next_attempt_at(self, lead: Lead) -> datetime | None:
        return lead.next_attempt_at if lead.pool == Lead.Pool.WAITING else None


class LeadFilter(FilterSet):
    done = filters.BooleanFilter(method="filter_done", label="Whether the lead will not be called any more.")

    class Meta:
        model = Lead
        fields = ("status", "pool", "done", "phone_number")

    def filter_done(self, leads: QuerySet[Lead], name: str, value: bool) -> QuerySet[Lead]:
        return leads.filter(pool=Lead.Pool.DONE) if value else leads.exclude(pool=Lead.Pool.DONE)


def _searched(request: Request) -> str:
    return request.query_params.get("search", "").replace("\x00", "").strip()


class LeadPages(Pages):
    """Counts with the kept counts, where they know the filters. A search counts its first `FOUND_UP_TO`, and from there
    on what its pages need: a frequent fragment costs no more than is read of it."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        kept_count = None
        if term := _searched(request):
            found = search.first_found(
                queryset, term, view.campaign.pk, self.rows_of_search(request, "id", search.FOUND_UP_TO)
            )
            queryset, kept_count = queryset.filter(pk__in=found), len(found)
        elif "phone_number" not in request.query_params:
            kept = LeadCount.objects.filter(campaign=view.campaign)
            kept_count = counts.total(LeadFilter(request.query_params, queryset=kept, request=request).qs)
        paginator: Any = partial(LargePaginator, kept_count=kept_count)
        self.django_paginator_class = paginator
        return super().paginate_queryset(queryset, request, view)


class LeadSearch(Search):
    """As the list of the web application searches."""

    def words(self, view: Any) -> str:
        return "All its words in `name`; of a number, all its digits, one after another, in `phone_number`."

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        return search.matching(queryset, _searched(request))


@extend_schema(parameters=[IN_CAMPAIGN])
class LeadViewSet(InCampaign, CrudViewSet):
    """The leads of one campaign; they change only while it is stopped."""

    queryset = Lead.objects.select_related("campaign")
    serializer_class = LeadSerializer
    pagination_class = LeadPages
    filter_backends = [DjangoFilterBackend, LeadSearch, TotalOrder]
    filterset_class = LeadFilter
    scope_actions = {**CRUD, "export": Action.VIEW}
    ordering_fields: ClassVar[list[str]] = [
        "id",
        "name",
        "phone_number",
        "attempts",
        "status",
        "next_attempt_at",
    ]

    @EXPORT
    @action(detail=False, pagination_class=None)
    def export(self, request: Request, campaign_pk: str) -> HttpResponseBase:
        """The leads of these filters as a file. One with all columns can be uploaded again."""
        return export.leads(
            request.query_params.get("kind", "csv"), self.filter_queryset(self.get_queryset())
        )

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        serializer.instance = services.add_lead(actor, self.campaign, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        lead, sent = serializer.instance, serializer.validated_data
        assert isinstance(lead, Lead)
        serializer.instance = services.update_lead(
            actor,
            lead,
            name=sent.get("name", lead.name),
            description=sent.get("description", lead.description),
            phone_number=sent.get("phone_number", lead.phone_number),
        )

    def perform_destroy(self, instance: Lead) -> None:
        actor: Any = self.request.user
        services.remove_lead(actor, instance)


class CallAttemptSerializer(ModelSerializer):
    class Meta:
        model = CallAttempt
        fields = (
            "id", "campaign", "campaign_name", "lead", "lead_name", "phone_number", "number", "state", "result",
            "sip_code", "q850_cause", "reason", "ended_by", "call_id", "claimed_at", "started_at", "answered_at",
            "transferred_at", "ended_at", "amd_verdict", "amd_cause", "amd_decision_ms", "abandoned", "media_quality",
            "early_media", "early_media_cause", "queue", "port",
        )  # fmt: skip
        read_only_fields = fields


class CallAttemptFilter(FilterSet):
    campaign = filters.ModelChoiceFilter(queryset=visible_campaigns)
    lead = filters.ModelChoiceFilter(queryset=visible_leads)
    since = filters.IsoDateTimeFilter(field_name="claimed_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="claimed_at", lookup_expr="lt")

    class Meta:
        model = CallAttempt
        fields = (
            "campaign", "campaign_name", "lead", "state", "result", "amd_verdict", "early_media", "phone_number", "since",
            "until",
        )  # fmt: skip


class AttemptPages(Pages):
    """A search counts its first `FOUND_UP_TO`, newest first, and from there on what its pages need."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        if term := _searched(request):
            found = attempt_search.first_found(
                queryset, term, self.rows_of_search(request, "-id", attempt_search.FOUND_UP_TO)
            )
            queryset = queryset.filter(pk__in=found)
            paginator: Any = partial(LargePaginator, kept_count=len(found))
            self.django_paginator_class = paginator
        return super().paginate_queryset(queryset, request, view)


class AttemptSearch(Search):
    """As the list of the web application searches: the words of a name, or digits of a number."""

    def words(self, view: Any) -> str:
        return (
            "All its words in `lead_name`; of a number, all its digits, one after another, in `phone_number`. "
            "For a campaign's records: `campaign`, or `campaign_name` when it is deleted."
        )

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        return attempt_search.matching(queryset, _searched(request))


class CallAttemptViewSet(ReadViewSet):
    """Call records. They stay when their lead or campaign is deleted."""

    queryset = CallAttempt.objects.all()
    serializer_class = CallAttemptSerializer
    filterset_class = CallAttemptFilter
    scope_actions = {**CRUD, "export": Action.VIEW}
    pagination_class = AttemptPages
    filter_backends = [DjangoFilterBackend, AttemptSearch, TotalOrder]
    ordering_fields: ClassVar[list[str]] = ["id", "claimed_at", "ended_at", "result"]

    @EXPORT
    @action(detail=False, pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """The call records of these filters as a file."""
        return export.attempts(
            request.query_params.get("kind", "csv"), self.filter_queryset(self.get_queryset())
        )
