"""What the API of every kind of uploaded file shares: the fields of an upload, and its refused rows as CSV."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api_base import CRUD, ModelSerializer, ReadViewSet
from accounts.api_formats import RawCsv
from accounts.scope import Action
from uploads.models import FileUpload

UPLOAD_FIELDS = (
    "id", "file_name", "uploaded_by", "uploaded_at", "state", "percent", "read_rows", "error", "ended_at", "added",
    "duplicate", "invalid", "refused_rows",
)  # fmt: skip


class FileUploadSerializer(ModelSerializer):
    """How far an upload is and what came of it; `refused_rows` is the address of a CSV with line number and reason."""

    percent = serializers.IntegerField(read_only=True, min_value=0, max_value=100)
    refused_rows = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_refused_rows(self, upload: FileUpload) -> str | None:
        if not upload.has_refused:
            return None
        view: Any = self.context["view"]
        names = {**view.kwargs, "pk": upload.pk}
        return reverse(f"{view.basename}-refused-rows", kwargs=names, request=self.context["request"])


class FileUploadViewSet(ReadViewSet):
    """Base: reading uploads, and answering one that was just received."""

    parser_classes = [MultiPartParser, RawCsv]
    search_fields: ClassVar[list[str]] = ["file_name"]
    ordering_fields: ClassVar[list[str]] = ["id", "uploaded_at"]
    scope_actions = {**CRUD, "refused_rows": Action.VIEW}

    def received(self, upload: FileUpload) -> Response:
        """201: done. 202: imported in the background."""
        code = status.HTTP_201_CREATED if upload.is_over else status.HTTP_202_ACCEPTED
        return Response(self.get_serializer(upload).data, status=code)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="refused-rows", pagination_class=None)
    def refused_rows(self, request: Request, **kwargs: str) -> HttpResponse:
        """The refused rows as CSV: line, reason, and the row as it was."""
        upload: FileUpload = self.get_object()
        return HttpResponse(
            "\ufeff" + upload.refused_rows,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="refused-{upload.pk}.csv"'},
        )
