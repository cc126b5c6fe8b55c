"""`campaigns/{id}/why` of the API: why a campaign is not dialing right now."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.scope import Action
from campaigns.models import Campaign
from dialing.reasons import why_not_dialing
from leads.api import IN_CAMPAIGN, InCampaign
from leads.models import CallAttempt


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

    @extend_schema(responses=WhySerializer(many=False), filters=False, operation_id="campaigns_why_retrieve")
    def list(self, request: Request, campaign_pk: str) -> Response:
        """The first thing that keeps the campaign from its next call: stopped, outside its hours, no port, no lead due
        until 14:05, the do-not-call service out of service. Null when nothing is known to, and while a call is up.
        """
        in_call = CallAttempt.objects.filter(campaign=self.campaign, ended_at=None).exists()
        reason = None if in_call else why_not_dialing(self.campaign, timezone.now())
        return Response({"dialing": reason is None, "reason": reason})
