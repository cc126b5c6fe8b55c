"""Addresses of the API: `/api/v1/`, its schema and its documentation page. A slash at the end is optional."""

from typing import Any

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from accounts.api import MeView, TokenView, UserViewSet
from accounts.api_audit import ChangeViewSet, LockViewSet
from accounts.api_base import ID
from campaigns.api import CampaignViewSet, ScheduleViewSet
from dialing.api import NowViewSet, WhyViewSet
from dialing.push_api import PushView
from dialing.story_api import StoryViewSet
from dnc.api import DncNumberViewSet, DncRemovalViewSet, DncServiceViewSet, DncUploadViewSet
from groups.api import GroupViewSet
from leads.api import CallAttemptViewSet, LeadViewSet
from leads.evidence_api import EvidenceViewSet, LabelViewSet
from leads.upload_api import LeadUploadViewSet
from telephony.api import (
    CarrierViewSet,
    ContactCenterViewSet,
    DialerPortViewSet,
    QueueViewSet,
    ResultRuleViewSet,
)


class Router(SimpleRouter):
    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"


class NothingHereView(APIView):
    """Any other address below `/api/`: 404 as problem+json, for programs."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound


ATTEMPT = rf"^attempts/(?P<attempt_pk>{ID})"
CAMPAIGN = rf"campaigns/(?P<campaign_pk>{ID})"

router = Router()
router.register("users", UserViewSet, "users")
router.register("groups", GroupViewSet, "groups")
router.register(rf"{CAMPAIGN}/schedules", ScheduleViewSet, "schedules")
router.register(rf"{CAMPAIGN}/leads/upload", LeadUploadViewSet, "leads-upload")
router.register(rf"{CAMPAIGN}/leads", LeadViewSet, "leads")
router.register(rf"{CAMPAIGN}/now", NowViewSet, "campaign-now")
router.register(rf"{CAMPAIGN}/why", WhyViewSet, "campaign-why")
router.register("campaigns", CampaignViewSet, "campaigns")
router.register("attempts", CallAttemptViewSet, "attempts")
router.register("dnc/services", DncServiceViewSet, "dnc-services")
router.register("dnc/numbers/upload", DncUploadViewSet, "dnc-upload")
router.register("dnc/numbers", DncNumberViewSet, "dnc-numbers")
router.register("dnc/removals", DncRemovalViewSet, "dnc-removals")
router.register("carriers", CarrierViewSet, "carriers")
router.register("ports", DialerPortViewSet, "ports")
router.register("contact-centers", ContactCenterViewSet, "contact-centers")
router.register("queues", QueueViewSet, "queues")
router.register("result-rules", ResultRuleViewSet, "result-rules")
router.register("changes", ChangeViewSet, "changes")
router.register("locks", LockViewSet, "locks")

LABEL: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}

version_1: list[URLPattern | URLResolver] = [
    re_path(r"^auth/token/?$", TokenView.as_view(), name="auth-token"),
    re_path(r"^auth/me/?$", MeView.as_view(), name="auth-me"),
    re_path(rf"^contact-centers/(?P<pk>{ID})/push/?$", PushView.as_view(), name="contact-centers-push"),
    *router.urls,
    re_path(
        rf"{ATTEMPT}/evidence/?$", EvidenceViewSet.as_view({"get": "retrieve"}), name="attempts-evidence"
    ),
    re_path(rf"{ATTEMPT}/sound/?$", EvidenceViewSet.as_view({"get": "sound"}), name="attempts-sound"),
    re_path(
        rf"^{CAMPAIGN}/leads/(?P<lead_pk>{ID})/story/?$",
        StoryViewSet.as_view({"get": "retrieve"}),
        name="leads-story",
    ),
    re_path(rf"{ATTEMPT}/label/?$", LabelViewSet.as_view(LABEL), name="attempts-label"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(version_1)),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(r"^docs/?$", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"^", NothingHereView.as_view()),
]
