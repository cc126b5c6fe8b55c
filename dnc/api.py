"""`dnc/services`, `dnc/numbers` and `dnc/removals` of the API."""

from functools import partial
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api_base import CRUD, CrudViewSet, FilterSet, ModelSerializer, ReadViewSet, WrittenByServices
from accounts.api_formats import Pages, uploaded_file
from accounts.paging import LargePaginator
from accounts.scope import Action
from dnc import selectors, services, uploads
from dnc.models import DncNumber, DncRemoval, DncService, DncUpload
from uploads.api import UPLOAD_FIELDS, FileUploadSerializer, FileUploadViewSet

COUNTED_AT_ONCE = 500
"""Numbers that a search counts for its first pages."""
_SECRETS = ("bearer_token", "client_certificate")


def _change_service(actor: Any, service: DncService, **sent: Any) -> DncService:
    """An empty secret is one that was not read, not one to take away."""
    return services.update_service(
        actor, service, **{name: value for name, value in sent.items() if value or name not in _SECRETS}
    )


class DncServiceSerializer(ModelSerializer):
    """A do-not-call service. Bearer token and client certificate are written, never read."""

    url = serializers.CharField(max_length=500, help_text="HTTPS address of the service, without /donotcall.")

    class Meta:
        model = DncService
        fields = (
            "id", "name", "kind", "url", "bearer_token", "timeout_ms", "ca_certificates", "client_certificate",
            "failures_allowed", "state", "failures", "last_error",
        )  # fmt: skip
        read_only_fields = ("kind", "state", "failures", "last_error")
        extra_kwargs = {
            name: {"write_only": True, "help_text": "An empty one keeps what is stored."} for name in _SECRETS
        }


class DncQuestionSerializer(serializers.Serializer[Any]):
    number = serializers.CharField(max_length=40)


class DncAnswerSerializer(serializers.Serializer[Any]):
    listed = serializers.BooleanField(allow_null=True, help_text="null when the service could not tell")
    error = serializers.CharField(allow_blank=True)
    elapsed_ms = serializers.IntegerField()


class DncServiceViewSet(WrittenByServices, CrudViewSet):
    """The embedded list, and external services over HTTPS."""

    queryset = DncService.objects.all()
    serializer_class = DncServiceSerializer
    filterset_fields: ClassVar[list[str]] = ["kind", "state"]
    search_fields: ClassVar[list[str]] = ["name", "url"]
    ordering_fields: ClassVar[list[str]] = ["id", "name", "state"]
    scope_actions = {**CRUD, "test": Action.CHANGE}
    create_row = staticmethod(services.create_service)
    change_row = staticmethod(_change_service)

    def perform_destroy(self, instance: DncService) -> None:
        actor: Any = self.request.user
        services.delete_service(actor, instance)

    @extend_schema(request=DncQuestionSerializer, responses=DncAnswerSerializer)
    @action(detail=True, methods=["post"], filterset_fields=None)
    def test(self, request: Request, pk: str) -> Response:
        """Asks the service about a number now, and says what it answered and how long it took."""
        actor: Any = request.user
        service: DncService = self.get_object()
        question = DncQuestionSerializer(data=request.data)
        question.is_valid(raise_exception=True)
        result = services.test_service(actor, service, question.validated_data["number"])
        return Response(DncAnswerSerializer(result).data)


class DncNumberSerializer(ModelSerializer):
    id = serializers.IntegerField(source="number", read_only=True)
    number = serializers.CharField(max_length=40, help_text="As people write it; read as E.164 digits.")

    class Meta:
        model = DncNumber
        fields = ("id", "number", "reason", "source", "added_by", "added_at")
        read_only_fields = ("added_by", "added_at")


class DncNumberFilter(FilterSet):
    search = filters.CharFilter(method="begins_with", label="The first digits of the number.")

    class Meta:
        model = DncNumber
        fields = ("search",)

    def begins_with(self, numbers: QuerySet[DncNumber], name: str, value: str) -> QuerySet[DncNumber]:
        return selectors.numbers_beginning_with(numbers, value)


class DncNumberPages(Pages):
    """A search counts its first `COUNTED_AT_ONCE`, and from there on what its pages need, up to 10,000."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        text = request.query_params.get("search", "").replace("\x00", "")
        if text.strip():
            found = selectors.first_beginning_with(
                text, self.rows_of_search(request, "number", COUNTED_AT_ONCE)
            )
            paginator: Any = partial(LargePaginator, kept_count=len(found))
            self.django_paginator_class, queryset = paginator, queryset.filter(pk__in=found)
        return super().paginate_queryset(queryset, request, view)


class DncNumberViewSet(mixins.CreateModelMixin, ReadViewSet):
    """The embedded do-not-call list."""

    queryset = DncNumber.objects.all()
    serializer_class = DncNumberSerializer
    filterset_class = DncNumberFilter
    pagination_class = DncNumberPages
    ordering_fields: ClassVar[list[str]] = ["number", "added_at"]

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        serializer.instance = services.add_number(actor, **serializer.validated_data)

    @extend_schema(
        parameters=[
            OpenApiParameter("reason", str, required=True, description="Why it is taken off the list.")
        ],
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Takes a number off the list; who, when and why is kept. Masters only."""
        actor: Any = request.user
        number: DncNumber = self.get_object()
        services.remove_number(actor, str(number.pk), request.query_params.get("reason", ""))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DncFileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField()


class DncLoadOptionsSerializer(serializers.Serializer[Any]):
    replace = serializers.BooleanField(default=False)


class DncUploadSerializer(FileUploadSerializer):
    """`duplicate`: lines whose number was on the list already, or in an earlier line."""

    class Meta:
        model = DncUpload
        fields = (*UPLOAD_FIELDS, "replace", "removed")
        read_only_fields = fields


class DncUploadViewSet(FileUploadViewSet):
    """Files of numbers for the embedded list. Masters read all uploads, the others their own."""

    queryset = DncUpload.objects.defer("refused_rows")
    serializer_class = DncUploadSerializer

    @extend_schema(
        request={"multipart/form-data": DncFileSerializer, "text/csv": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "replace", bool, description="Take off what the file does not have; Masters only."
            )
        ],
        responses={201: DncUploadSerializer, 202: DncUploadSerializer},
    )
    def create(self, request: Request) -> Response:
        """Adds a file of numbers, one a line; a second column is ignored. All good lines, or none on an error.

        201: done. 202: a large file is loaded in the background; read the upload again until its `state` is DONE or
        FAILED (then `error` says why).
        """
        actor: Any = request.user
        stream, name = uploaded_file(request, "numbers.csv")
        with stream:
            options = DncLoadOptionsSerializer(data=request.query_params)
            options.is_valid(raise_exception=True)
            upload = uploads.receive(actor, stream, name, **options.validated_data)
        return self.received(upload)


class DncRemovalSerializer(ModelSerializer):
    number = serializers.CharField()

    class Meta:
        model = DncRemoval
        fields = ("id", "number", "reason", "removed_by", "removed_at")
        read_only_fields = fields


class DncRemovalFilter(FilterSet):
    search = filters.CharFilter(method="found", label="First digits of the number, or words of the reason.")

    class Meta:
        model = DncRemoval
        fields = ("search",)

    def found(self, removals: QuerySet[DncRemoval], name: str, value: str) -> QuerySet[DncRemoval]:
        return selectors.removals_found(removals, value)


class DncRemovalViewSet(ReadViewSet):
    """Who took which number off the list, when and why. Masters only."""

    queryset = DncRemoval.objects.all()
    serializer_class = DncRemovalSerializer
    filterset_class = DncRemovalFilter
    ordering_fields: ClassVar[list[str]] = ["id", "removed_at"]
