"""`ports`, `contact-centers`, `queues` and `result-rules` of the API: what a Master sets up."""

import re
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api_base import CRUD, CrudViewSet, FilterSet, ModelSerializer
from accounts.api_formats import RawCsv, is_storable, uploaded_file
from accounts.export import KINDS
from accounts.scope import Action
from telephony import configuration, port_table, result_table
from telephony.models import Carrier, ContactCenter, DialerPort, Queue, ResultRule


class ConfigurationViewSet(CrudViewSet):
    """Adds, changes and deletes rows through `telephony.configuration`."""

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        row: Any = self.scope_model()()
        serializer.instance = configuration.save(actor, row, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        row: Any = serializer.instance
        configuration.save(actor, row, **self.changed_fields(serializer.validated_data))

    def changed_fields(self, sent: dict[str, Any]) -> dict[str, Any]:
        return sent

    def perform_destroy(self, instance: Any) -> None:
        actor: Any = self.request.user
        configuration.delete(actor, instance)


class CarrierSerializer(ModelSerializer):
    """A trunk's limits, which all campaigns and hosts share. Empty ones are none."""

    class Meta:
        model = Carrier
        fields = ("id", "name", "calls_per_second", "max_calls", "resting_until", "last_error")
        read_only_fields = ("resting_until", "last_error")


class CarrierViewSet(ConfigurationViewSet):
    """Carriers: calls per second and in parallel of the dialer ports behind each, and until when one rests."""

    queryset = Carrier.objects.all()
    serializer_class = CarrierSerializer
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["id", "name"]


class DialerPortSerializer(ModelSerializer):
    """A SIP subscriber that the dialer registers, or a channel of a trunk that does not want that. The password is written, never read."""

    class Meta:
        model = DialerPort
        fields = (
            "id", "extension", "password", "registers", "registrar_host", "registrar_port", "second_registrar_host",
            "second_registrar_port", "transport", "carrier", "media_encryption", "keys_without_tls", "enabled",
            "state", "active_registrar", "last_error",
        )  # fmt: skip
        read_only_fields = ("state", "active_registrar", "last_error")
        extra_kwargs = {
            "password": {
                "write_only": True,
                "trim_whitespace": False,
                "allow_blank": True,
                "required": False,
                "help_text": "An empty one keeps what is stored.",
            }
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None and attrs.get("registers", True) and not attrs.get("password"):
            raise serializers.ValidationError({"password": _("The password is missing.")})
        return attrs


class PortsFileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField()


class PortChangeSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    extension = serializers.CharField(allow_blank=True)
    action = serializers.ChoiceField(
        [port_table.NEW, port_table.CHANGED, port_table.SAME, port_table.REFUSED]
    )
    differences = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_blank=True)),
        help_text="Column, old and new value; of a password the name alone.",
    )
    problem = serializers.CharField(
        allow_blank=True, help_text="Why the row is refused; then no row is imported."
    )


class DryRunSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(default=False, help_text="Say what would change, and change nothing.")


class DialerPortViewSet(ConfigurationViewSet):
    """Dialer ports; the number of enabled ones bounds the calls in parallel."""

    queryset = DialerPort.objects.all()
    serializer_class = DialerPortSerializer
    filterset_fields: ClassVar[list[str]] = [
        "enabled", "state", "registers", "transport", "carrier", "media_encryption",
    ]  # fmt: skip
    search_fields: ClassVar[list[str]] = ["extension", "registrar_host", "second_registrar_host"]
    ordering_fields: ClassVar[list[str]] = ["id", "extension", "registrar_host", "state"]

    scope_actions = {**CRUD, "export": Action.VIEW, "import_table": Action.ADD}

    def changed_fields(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in sent.items() if name != "password" or value}

    @extend_schema(
        parameters=[
            OpenApiParameter("kind", str, enum=list(KINDS), default="csv", description="Of the file.")
        ],
        responses={(200, kind.partition(";")[0]): OpenApiTypes.BINARY for kind in KINDS.values()},
    )
    @action(detail=False, pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """The ports of these filters as a file, without passwords. It can be imported again."""
        found = self.filter_queryset(self.get_queryset().select_related("carrier"))
        return port_table.export_ports(request.query_params.get("kind", "csv"), found)

    @extend_schema(
        request={"multipart/form-data": PortsFileSerializer, "text/csv": OpenApiTypes.BINARY},
        parameters=[DryRunSerializer],
        responses=PortChangeSerializer(many=True),
    )
    @action(
        detail=False, methods=["post"], url_path="import", parser_classes=[MultiPartParser, RawCsv],
        pagination_class=None, filterset_fields=None,
    )  # fmt: skip
    def import_table(self, request: Request) -> Response:
        """Adds and changes ports, found by registrar and extension; all rows or, when one is refused, none (400)."""
        actor: Any = request.user
        stream, _name = uploaded_file(request, "ports.csv")
        with stream:
            options = DryRunSerializer(data=request.query_params)
            options.is_valid(raise_exception=True)
            rows = port_table.read_table(stream.read(port_table.MOST_BYTES + 1))
        changes = port_table.import_ports(actor, rows, dry_run=options.validated_data["dry_run"])
        refused = [change for change in changes if change.action == port_table.REFUSED]
        if refused and not options.validated_data["dry_run"]:
            words = _("Line %(line)d: %(problem)s")
            raise serializers.ValidationError(
                {
                    "file": [
                        words % {"line": change.line, "problem": change.problem} for change in refused[:20]
                    ]
                }
            )
        return Response(PortChangeSerializer(changes, many=True).data)


@extend_schema_field({"type": "object", "additionalProperties": {}})
class SettingsField(serializers.JSONField):
    """A JSON object that PostgreSQL can keep. Its secrets are written, never read."""

    def to_representation(self, value: Any) -> Any:
        settings: Any = super().to_representation(value)
        return configuration.without_secrets(settings)

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Use a JSON object."))
        if not is_storable(value):
            raise serializers.ValidationError(_("A text has a character that can't be kept."))
        return value


class ContactCenterSerializer(ModelSerializer):
    settings = SettingsField(
        required=False,
        help_text="`password`, `token` and `push_secret` are written and read as empty texts; sent back empty they stay as they are.",
    )

    class Meta:
        model = ContactCenter
        fields = (
            "id", "name", "kind", "settings", "enabled", "state", "last_error", "last_error_at", "last_event_at",
        )  # fmt: skip
        read_only_fields = ("state", "last_error", "last_error_at", "last_event_at")


class ContactCenterViewSet(ConfigurationViewSet):
    """Contact centres whose queues take the answered calls."""

    queryset = ContactCenter.objects.all()
    serializer_class = ContactCenterSerializer
    filterset_fields: ClassVar[list[str]] = ["kind", "enabled", "state"]
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["id", "name", "state"]


class ResultRuleSerializer(ModelSerializer):
    """What a SIP code, with a Q.850 cause or any other (null), makes of a call."""

    class Meta:
        model = ResultRule
        fields = ("id", "heard", "sip_code", "q850_cause", "result")
        extra_kwargs = {"heard": {"default": ""}}


class ResultRuleFilter(FilterSet):
    search = filters.CharFilter(method="of_code", label="A whole SIP code.")

    class Meta:
        model = ResultRule
        fields = ("sip_code", "result", "search")

    def of_code(self, rules: QuerySet[ResultRule], name: str, value: str) -> QuerySet[ResultRule]:
        code = value.strip()
        return rules.filter(sip_code=int(code)) if re.fullmatch("[0-9]{3}", code) else rules.none()


class ResultRuleViewSet(ConfigurationViewSet):
    """The result table. Calls that ended keep their results."""

    queryset = ResultRule.objects.all()
    serializer_class = ResultRuleSerializer
    filterset_class = ResultRuleFilter
    ordering_fields: ClassVar[list[str]] = ["id", "sip_code", "result"]
    scope_actions = {**CRUD, "restore": Action.DELETE}

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def restore(self, request: Request) -> Response:
        """The table as it was installed."""
        actor: Any = request.user
        result_table.restore_defaults(actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class QueueSerializer(ModelSerializer):
    class Meta:
        model = Queue
        fields = ("id", "contact_center", "name", "kind", "pilot_number")


class QueueViewSet(ConfigurationViewSet):
    """Queues with agents, and IVRs with channels. Contact centres report them; a Master can correct them."""

    queryset = Queue.objects.all()
    serializer_class = QueueSerializer
    filterset_fields: ClassVar[list[str]] = ["kind"]
    search_fields: ClassVar[list[str]] = ["name", "pilot_number"]
    ordering_fields: ClassVar[list[str]] = ["id", "name"]
