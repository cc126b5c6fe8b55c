"""`campaigns` of the API, with start, stop, summary and schedules."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts import scope
from accounts.api_base import (
    CRUD,
    ChangeMixin,
    CrudViewSet,
    FilterSet,
    LocalTimeField,
    ModelSerializer,
    ReadViewSet,
    changes,
)
from accounts.models import User
from accounts.scope import Action
from campaigns import export, selectors, services
from campaigns.models import Campaign, Schedule
from groups.models import DialerGroup
from leads.api import EXPORT, IN_CAMPAIGN, InCampaign
from leads.models import LeadStatus
from telephony.models import Queue


def own_groups(request: Any) -> QuerySet[DialerGroup]:
    """The groups whose campaigns the caller sees, whether or not the role sees the group list."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return DialerGroup.objects.none()
    return DialerGroup.objects.filter(pk__in=scope.groups_where(user, Action.VIEW, Campaign))


class OwnGroupField(serializers.PrimaryKeyRelatedField[DialerGroup]):
    def get_queryset(self) -> QuerySet[DialerGroup]:
        return own_groups(self.context.get("request"))

    def to_internal_value(self, data: Any) -> DialerGroup:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)  # type: ignore[arg-type]  # the stubs take a field for its value


class CampaignSerializer(ModelSerializer):
    """A campaign. Dates, hours and days of week are set at creation; later they change through schedules."""

    group = OwnGroupField(queryset=DialerGroup.objects.all())
    group_name = serializers.CharField(source="group.name", read_only=True)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7),
        allow_empty=False,
        min_length=1,  # says in the schema what `allow_empty` holds
        max_length=7,
        help_text="ISO days of week: 1 is Monday, 7 is Sunday.",
    )

    class Meta:
        model = Campaign
        fields = (
            "id", "name", "description", "group", "group_name", "start_date", "end_date", "start_time",
            "end_time", "weekdays", "time_zone", "pilot_number", "max_attempts", "retry_delay", "type", "queue",
            "weight", "amd_enabled", "amd_profile", "amd_silence_is", "amd_longest_analysis", "amd_shortest_call",
            "early_end",
            "dnc_service", "default_country", "ring_timeout", "caller_name", "caller_number", "caller_private",
            "state",
        )  # fmt: skip
        read_only_fields = ("state",)

    def validate_weekdays(self, value: list[int]) -> list[int]:
        return sorted(set(value))


class LeadCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    by_status = inline_serializer(
        "LeadsByStatus", {status: serializers.IntegerField() for status in LeadStatus.values}
    )
    waiting = serializers.IntegerField(help_text="Leads that will be called (again).")
    in_flight = serializers.IntegerField(help_text="Calls going on now.")
    attempts = serializers.IntegerField(help_text="Dialed calls.")
    next_due = serializers.DateTimeField(allow_null=True)
    answered_by_persons = serializers.IntegerField(source="answered.persons")
    abandoned = serializers.IntegerField(
        source="answered.abandoned", help_text="Answered by a person, and nobody took the call."
    )
    abandoned_rate = serializers.FloatField(
        source="answered.abandoned_rate",
        allow_null=True,
        help_text="Abandoned / answered by persons, 0 to 1.",
    )


class SummarySerializer(serializers.ModelSerializer[Campaign]):
    """SPEC 10: the campaign and what became of its leads."""

    group_name = serializers.CharField(source="group.name", read_only=True)
    group_description = serializers.CharField(source="group.description", read_only=True)
    leads = serializers.SerializerMethodField()

    class Meta:
        model = Campaign
        fields = (
            "id", "name", "description", "pilot_number", "max_attempts", "retry_delay", "state", "type",
            "group", "group_name", "group_description", "leads",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(LeadCountsSerializer)
    def get_leads(self, campaign: Campaign) -> Any:
        return LeadCountsSerializer(selectors.summary(campaign)).data


def _queues(request: Any) -> QuerySet[Queue]:
    queues = Queue.objects.all()
    return scope.visible(request.user, queues) if request is not None else queues


class CampaignFilter(FilterSet):
    group = filters.ModelChoiceFilter(queryset=own_groups)
    queue = filters.ModelChoiceFilter(queryset=_queues)

    class Meta:
        model = Campaign
        fields = ("state", "type", "group", "queue")


class CampaignViewSet(CrudViewSet):
    """The campaigns of the caller's groups."""

    queryset = Campaign.objects.select_related("group")
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilter
    search_fields: ClassVar[list[str]] = ["name", "description"]
    ordering_fields: ClassVar[list[str]] = ["id", "name", "state", "type", "start_date", "end_date"]
    scope_actions = {
        **CRUD,
        "start": Action.OPERATE,
        "stop": Action.OPERATE,
        "summary": Action.VIEW,
        "export": Action.VIEW,
        "export_one": Action.VIEW,
    }

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        serializer.instance = services.create_campaign(actor, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        campaign = serializer.instance
        assert isinstance(campaign, Campaign)
        serializer.instance = services.update_campaign(
            actor,
            campaign,
            **changes(campaign, serializer.validated_data),
        )

    @extend_schema(responses={202: CampaignSerializer, 204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deletes a stopped campaign with its schedules, leads and uploads; the records of its calls are kept.

        204: it is gone. 202: it is large and goes in the background; its `state` is DELETING until it is gone, and
        nothing of it can be changed or started any more.
        """
        actor: Any = request.user
        campaign: Campaign = self.get_object()
        if services.delete_campaign(actor, campaign):
            return Response(status=status.HTTP_204_NO_CONTENT)
        campaign.refresh_from_db(fields=["state"])
        return Response(self.get_serializer(campaign).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def start(self, request: Request, pk: str) -> Response:
        """STOPPED -> STARTED. Refused with all the reasons when it can't dial."""
        actor: Any = request.user
        campaign: Campaign = self.get_object()
        services.start_campaign(actor, campaign)
        return Response(self.get_serializer(campaign).data)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def stop(self, request: Request, pk: str) -> Response:
        """STARTED -> STOPPED, effective within a second. Stopping a stopped campaign changes nothing."""
        actor: Any = request.user
        campaign: Campaign = self.get_object()
        services.stop_campaign(actor, campaign)
        return Response(self.get_serializer(campaign).data)

    @extend_schema(responses=SummarySerializer)
    @action(detail=True, filterset_class=None)
    def summary(self, request: Request, pk: str) -> Response:
        """The campaign's settings and the counts of its leads."""
        campaign: Campaign = self.get_object()
        return Response(SummarySerializer(campaign).data)

    @EXPORT
    @action(detail=True, url_path="summary/export", pagination_class=None, filterset_class=None)
    def export_one(self, request: Request, pk: str) -> HttpResponseBase:
        """The summary as a file: one row, a column for each count."""
        return export.summaries(request.query_params.get("kind", "csv"), [self.get_object()])

    @EXPORT
    @action(detail=False, pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """The summaries of the campaigns of these filters as a file: a row for each."""
        found = self.filter_queryset(self.get_queryset())
        return export.summaries(request.query_params.get("kind", "csv"), found)


class HoursSerializer(serializers.Serializer[Any]):
    start_time = LocalTimeField()
    end_time = LocalTimeField()


class ScheduleSerializer(ModelSerializer):
    """One day of a campaign, in the campaign's time zone. The day itself is set when the schedule is added."""

    class Meta:
        model = Schedule
        fields = ("id", "campaign", "date", "start_time", "end_time", "state", "opens_at", "closes_at")
        read_only_fields = ("campaign", "state", "opens_at", "closes_at")


class ScheduleFilter(FilterSet):
    class Meta:
        model = Schedule
        fields = {"state": ["exact"], "date": ["exact", "gte", "lte"]}


@extend_schema(parameters=[IN_CAMPAIGN])
class ScheduleViewSet(
    InCampaign, mixins.CreateModelMixin, ChangeMixin, mixins.DestroyModelMixin, ReadViewSet
):
    """The schedules of one campaign: at most one a day."""

    queryset = Schedule.objects.select_related("campaign")
    serializer_class = ScheduleSerializer
    filterset_class = ScheduleFilter
    ordering_fields: ClassVar[list[str]] = ["id", "date", "state"]
    scope_actions = {**CRUD, "remaining": Action.CHANGE}

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        sent = serializer.validated_data
        serializer.instance = services.add_schedule(
            actor, self.campaign, sent["date"], sent["start_time"], sent["end_time"]
        )

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        schedule, sent = serializer.instance, serializer.validated_data
        assert isinstance(schedule, Schedule)
        if sent.get("date", schedule.date) != schedule.date:
            raise serializers.ValidationError(
                {"date": _("The day is fixed. Add a schedule for another day.")}
            )
        serializer.instance = services.change_schedule(
            actor,
            schedule,
            sent.get("start_time", schedule.start_time),
            sent.get("end_time", schedule.end_time),
        )

    def perform_destroy(self, instance: Schedule) -> None:
        actor: Any = self.request.user
        services.remove_schedule(actor, instance)

    @extend_schema(
        request=HoursSerializer,
        responses=inline_serializer("RemainingChanged", {"changed": serializers.IntegerField()}),
    )
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def remaining(self, request: Request, campaign_pk: str) -> Response:
        """New hours for today's schedule, if not over, and all later ones; past ones stay."""
        actor: Any = request.user
        hours = HoursSerializer(data=request.data)
        hours.is_valid(raise_exception=True)
        changed = services.change_remaining_schedules(
            actor, self.campaign, hours.validated_data["start_time"], hours.validated_data["end_time"]
        )
        return Response({"changed": changed})
