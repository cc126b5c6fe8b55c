"""`campaigns/{id}/leads/{id}/story` of the API: what happened to a lead, and what will."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_base import ModelSerializer
from accounts.scope import Action
from dialing.story import story
from leads.api import IN_CAMPAIGN, InCampaign, LeadSerializer
from leads.models import CallAttempt, Lead

_CALL_FIELDS = (
    "id", "number", "state", "claimed_at", "started_at", "answered_at", "transferred_at", "ended_at", "result",
    "sip_code", "q850_cause", "ended_by", "amd_verdict", "amd_decision_ms", "abandoned",
)  # fmt: skip


class StoryAttemptSerializer(ModelSerializer):
    class Meta:
        model = CallAttempt
        fields = _CALL_FIELDS
        read_only_fields = fields


class StoryCallSerializer(serializers.Serializer[Any]):
    attempt = StoryAttemptSerializer()
    was_dialed = serializers.BooleanField()
    why = serializers.CharField(
        allow_blank=True, help_text="Why it was not dialed, or what ended the call; in words."
    )
    amd_cause = serializers.CharField(allow_blank=True)
    early_media = serializers.CharField(allow_blank=True, help_text="What was heard before the answer.")


class NextCallSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(
        allow_null=True, help_text="The earliest moment, if the campaign runs then; null when there is none."
    )
    why = serializers.CharField(help_text="When, or why never, in the language of Accept-Language.")


class StorySerializer(serializers.Serializer[Any]):
    lead = LeadSerializer()
    calls = StoryCallSerializer(many=True, help_text="Oldest first.")
    next_call = NextCallSerializer()


class StoryViewSet(InCampaign):
    """The story of a lead, as its page tells it."""

    queryset = Lead.objects.select_related("campaign")
    serializer_class = StorySerializer
    pagination_class = None
    scope_actions = {"retrieve": Action.VIEW}

    @extend_schema(
        parameters=[
            IN_CAMPAIGN,
            OpenApiParameter("lead_pk", OpenApiTypes.INT64, OpenApiParameter.PATH, description="Lead."),
        ],
        responses=StorySerializer,
        operation_id="campaigns_leads_story_retrieve",
    )
    def retrieve(self, request: Request, campaign_pk: str, lead_pk: str) -> Response:
        """Every attempt with times, result, SIP code and detection, why it was dialed or not, and when the lead is
        called next or why it is not.
        """
        lead = self.get_queryset().filter(pk=lead_pk).first()
        if lead is None:
            raise Http404
        return Response(StorySerializer(story(request.user, lead, timezone.now())).data)
