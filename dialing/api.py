"""`campaigns/{id}/why` and `campaigns/{id}/now` of the API: why a campaign is not dialing, and what happens now."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.scope import Action
from campaigns.models import Campaign
from dialing.now import campaign_now
from dialing.reasons import why_not_dialing
from leads.api import IN_CAMPAIGN, InCampaign
from leads.models import CallAttempt


@extend_schema_serializer(many=False)  # one object, at an address without an id
class WhySerializer(serializers.Serializer[Any]):
    dialing = serializers.BooleanField(
        help_text="A call of the campaign is under way, or nothing keeps one back."
    )
    reason = serializers.CharField(allow_null=True, help_text="In words, in the language of Accept-Language.")


@extend_schema(parameters=[IN_CAMPAIGN])
class WhyViewSet(InCampaign):
    """Why a campaign is not dialing right now."""

    queryset = Campaign.objects.all()
    serializer_class = WhySerializer
    pagination_class = None
    scope_actions = {"list": Action.VIEW}

    @extend_schema(responses=WhySerializer, filters=False, operation_id="campaigns_why_retrieve")
    def list(self, request: Request, campaign_pk: str) -> Response:
        """The first thing that keeps the campaign from its next call: stopped, outside its hours, no port, no lead due
        until 14:05, the do-not-call service out of service. Null when nothing is known to, and while a call is up.
        """
        in_call = CallAttempt.objects.filter(campaign=self.campaign, ended_at=None).exists()
        reason = None if in_call else why_not_dialing(self.campaign, timezone.now())
        return Response({"dialing": reason is None, "reason": reason})


class QueueNowSerializer(serializers.Serializer[Any]):
    free = serializers.IntegerField(help_text="Agents; of an IVR channels.")
    busy = serializers.IntegerField(help_text="Agents, wrap-up included; of an IVR channels.")
    paused = serializers.IntegerField()
    signed_out = serializers.IntegerField()
    waiting_callers = serializers.IntegerField()


class CallsNowSerializer(serializers.Serializer[Any]):
    dialing = serializers.IntegerField(help_text="Claimed or ringing.")
    answered = serializers.IntegerField()
    transferring = serializers.IntegerField()


@extend_schema_serializer(many=False)
class NowSerializer(serializers.Serializer[Any]):
    queue = QueueNowSerializer(allow_null=True, help_text="Null when the contact centre does not tell of it.")
    calls = CallsNowSerializer(source="*", allow_null=True, help_text="Null without news from the engine.")


@extend_schema(parameters=[IN_CAMPAIGN])
class NowViewSet(InCampaign):
    """Agents of the campaign's queue and its calls at this moment."""

    queryset = Campaign.objects.all()
    serializer_class = NowSerializer
    pagination_class = None
    scope_actions = {"list": Action.VIEW}

    @extend_schema(responses=NowSerializer, filters=False, operation_id="campaigns_now_retrieve")
    def list(self, request: Request, campaign_pk: str) -> Response:
        """What the engine told within the last five seconds; both parts are null without news from it."""
        now = campaign_now(self.campaign)
        return Response({"queue": None, "calls": None} if now is None else NowSerializer(now).data)
