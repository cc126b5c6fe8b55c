"""`attempts/{id}/evidence`, `/sound` and `/label` of the API: what the detector heard, and who it really was."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import scope
from accounts.api_base import ModelSerializer, ScopedViewSet
from accounts.scope import Action
from amd.files import wav_from_ulaw
from leads import evidence
from leads.causes import verdict_cause
from leads.models import AmdEvidence, AmdLabel, CallAttempt

OF_ATTEMPT = OpenApiParameter(
    "attempt_pk", OpenApiTypes.INT64, OpenApiParameter.PATH, description="Call attempt."
)


class OfAttempt(ScopedViewSet):
    """One thing below `attempts/{attempt_pk}/`. What the caller does not see is not there."""

    def attempt(self) -> CallAttempt:
        seen = scope.visible(self.request.user, CallAttempt.objects.all())
        return get_object_or_404(seen, pk=self.kwargs["attempt_pk"])

    def row(self) -> Any:
        """What belongs to this attempt; 404 where there is nothing."""
        return get_object_or_404(self.get_queryset(), attempt=self.kwargs["attempt_pk"])


class EvidenceSerializer(serializers.Serializer[Any]):
    """What the detector heard until its verdict. Times in milliseconds since the answer."""

    attempt = serializers.IntegerField(read_only=True)
    verdict = serializers.CharField()
    cause = serializers.CharField(help_text="In the language of the request.")
    cause_code = serializers.CharField(help_text="Empty for calls of before codes were kept.")
    cause_numbers = serializers.DictField(child=serializers.FloatField())
    decision_ms = serializers.IntegerField(allow_null=True)
    heard = serializers.JSONField(
        help_text="`heard_ms`; `speech`: start and end of each stretch; `tones`; `cues`: the numbers at the end; "
        "`machine`: how likely a machine was, each 100 ms."
    )
    has_sound = serializers.BooleanField(help_text="Whether `sound` can be read.")
    kept_at = serializers.DateTimeField()


@extend_schema(parameters=[OF_ATTEMPT])
class EvidenceViewSet(OfAttempt):
    """What an analysed call was judged by, while it is kept."""

    queryset = AmdEvidence.objects.select_related("attempt")
    serializer_class = EvidenceSerializer
    scope_actions = {"retrieve": Action.VIEW, "sound": Action.VIEW}

    @extend_schema(responses=EvidenceSerializer)
    def retrieve(self, request: Request, attempt_pk: str) -> Response:
        """Verdict, cause, times of speech, silence and tones. 404 once it is forgotten."""
        kept: AmdEvidence = self.row()
        attempt = kept.attempt
        why = dict(attempt.amd_why or {})
        return Response(
            {
                "attempt": attempt.pk,
                "verdict": attempt.amd_verdict,
                "cause": verdict_cause(attempt),
                "cause_code": why.pop("code", ""),
                "cause_numbers": why,
                "decision_ms": attempt.amd_decision_ms,
                "heard": kept.heard,
                "has_sound": kept.sound is not None,
                "kept_at": kept.kept_at,
            }
        )

    @extend_schema(responses={(200, "audio/wav"): OpenApiTypes.BINARY})
    def sound(self, request: Request, attempt_pk: str) -> HttpResponse:
        """What was heard until the decision, as a WAV file. 404 where the sound is not kept."""
        kept: AmdEvidence = self.row()
        if kept.sound is None:
            raise NotFound
        name = f'attachment; filename="attempt-{kept.pk}.wav"'
        headers = {"Content-Disposition": name, "Cache-Control": "private, no-store"}
        return HttpResponse(wav_from_ulaw(bytes(kept.sound)), content_type="audio/wav", headers=headers)


class LabelSerializer(ModelSerializer):
    """Who answered, as somebody heard it."""

    class Meta:
        model = AmdLabel
        fields = ("attempt", "heard", "labelled_by", "labelled_at")
        read_only_fields = ("attempt", "labelled_by", "labelled_at")


@extend_schema(parameters=[OF_ATTEMPT])
class LabelViewSet(OfAttempt):
    """The label of an analysed call; the latest one counts."""

    queryset = AmdLabel.objects.all()
    serializer_class = LabelSerializer
    scope_actions = {"retrieve": Action.VIEW, "update": Action.CHANGE, "destroy": Action.DELETE}

    def retrieve(self, request: Request, attempt_pk: str) -> Response:
        """404 where nobody has labelled the call."""
        return Response(self.get_serializer(self.row()).data)

    def update(self, request: Request, attempt_pk: str) -> Response:
        """Says that it was a person (HUMAN) or a machine (MACHINE)."""
        actor: Any = request.user
        attempt = self.attempt()
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        label = evidence.label(actor, attempt, sent.validated_data["heard"])
        return Response(self.get_serializer(label).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, attempt_pk: str) -> Response:
        """Takes the label back."""
        actor: Any = request.user
        evidence.label(actor, self.row().attempt, "")
        return Response(status=status.HTTP_204_NO_CONTENT)
