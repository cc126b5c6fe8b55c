"""`campaigns/{id}/leads/upload` of the API: files of leads, a look at one before, and what came of it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_formats import uploaded_file
from accounts.scope import Action
from leads import lead_file, preview, uploads
from leads.api import IN_CAMPAIGN, InCampaign
from leads.columns import Chosen
from leads.models import LeadUpload
from uploads.api import UPLOAD_FIELDS, FileUploadSerializer, FileUploadViewSet


class ChosenSerializer(serializers.Serializer[Any]):
    """What the sender says of the file; what is left out is recognised."""

    name_column = serializers.IntegerField(
        source="name", required=False, min_value=1, max_value=1000, help_text="Counted from 1."
    )
    phone_number_column = serializers.IntegerField(
        source="number", required=False, min_value=1, max_value=1000, help_text="Counted from 1."
    )
    description_column = serializers.IntegerField(
        source="description",
        required=False,
        min_value=0,
        max_value=1000,
        help_text="Counted from 1; 0: none.",
    )
    header = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Whether the first line is a header."
    )
    encoding = serializers.ChoiceField(list(lead_file.ENCODINGS.items()), required=False)


class FileSerializer(ChosenSerializer):
    """The file, and what its sender says of it."""

    file = serializers.FileField()


UPLOADED = extend_schema(
    request={"multipart/form-data": FileSerializer, "text/csv": OpenApiTypes.BINARY},
    parameters=[ChosenSerializer],
)


class PreviewColumnSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(help_text="Counted from 1.")
    header = serializers.CharField(allow_blank=True)
    taken_as = serializers.ListField(child=serializers.ChoiceField(["name", "phone_number", "description"]))
    why = serializers.CharField(allow_blank=True, help_text="In words, in the language of Accept-Language.")


class PreviewRowSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    cells = serializers.ListField(child=serializers.CharField(allow_blank=True))
    phone_number = serializers.CharField(
        source="number",
        allow_blank=True,
        help_text="As it would be dialed; empty for a row that would be refused.",
    )
    problem = serializers.CharField(allow_blank=True, help_text="Why the row would be refused.")


class PreviewSerializer(serializers.Serializer[Any]):
    """What the import would make of the file."""

    encoding = serializers.CharField(
        source="encoding_name", allow_blank=True, help_text="Empty for a workbook."
    )
    delimiter = serializers.CharField(source="found.delimiter", allow_blank=True, trim_whitespace=False)
    header = serializers.BooleanField(source="found.has_header")
    columns = PreviewColumnSerializer(many=True)
    rows = PreviewRowSerializer(many=True, help_text=f"The first {preview.ROWS}.")
    notes = serializers.ListField(child=serializers.CharField())


class LeadUploadSerializer(FileUploadSerializer):
    class Meta:
        model = LeadUpload
        fields = ("campaign", *UPLOAD_FIELDS)
        read_only_fields = fields


@extend_schema(parameters=[IN_CAMPAIGN])
class LeadUploadViewSet(InCampaign, FileUploadViewSet):
    """Files of leads: name and phone number separated by a comma; a header and a description are fine."""

    queryset = LeadUpload.objects.defer("refused_rows")
    serializer_class = LeadUploadSerializer
    scope_actions = {**FileUploadViewSet.scope_actions, "preview": Action.ADD}

    @UPLOADED
    @extend_schema(responses={201: LeadUploadSerializer, 202: LeadUploadSerializer})
    def create(self, request: Request, campaign_pk: str) -> Response:
        """Adds all good rows of the file, or none on an error. Wrong and duplicate rows are kept with a reason.

        Columns, header and encoding are recognised; the same names as form fields, or as query parameters beside a
        raw body, say otherwise. 201: done. 202: a large file is imported in the background; read the upload again
        until its `state` is DONE or FAILED (then `error` says why).
        """
        actor: Any = request.user
        stream, name = uploaded_file(request, "leads.csv")
        with stream:
            upload = uploads.receive(actor, self.campaign, stream, name, _chosen(request))
        return self.received(upload)

    @UPLOADED
    @extend_schema(responses=PreviewSerializer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request, campaign_pk: str) -> Response:
        """What an upload of this file would do: the columns and why, and the first rows as read. Keeps nothing."""
        actor: Any = request.user
        stream, _name = uploaded_file(request, "leads.csv")
        with stream:
            seen = uploads.preview_of(actor, self.campaign, stream, _chosen(request))
        return Response(PreviewSerializer(seen).data)


def _chosen(request: Request) -> Chosen:
    """Of the form's fields; beside a raw body, of the query."""
    said = ChosenSerializer(data={**request.query_params.dict(), **_texts(request.data)})
    said.is_valid(raise_exception=True)
    return Chosen(**said.validated_data)


def _texts(form: Any) -> dict[str, str]:
    """The fields of a form that are filled in and no files."""
    return {name: value for name, value in form.items() if isinstance(value, str) and value}
