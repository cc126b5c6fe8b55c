"""`ports`, `contact-centers` and `queues` of the API: what a Master sets up."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer

from accounts.api_base import CrudViewSet, ModelSerializer
from accounts.api_formats import is_storable
from telephony import configuration
from telephony.models import Carrier, ContactCenter, DialerPort, Queue


class ConfigurationViewSet(CrudViewSet):
    """Adds, changes and deletes rows through `telephony.configuration`."""

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        row: Any = self.scope_model()()
        serializer.instance = configuration.save(actor, row, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        row: Any = serializer.instance
        configuration.save(actor, row, **serializer.validated_data)

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
    """A SIP subscriber that the dialer registers. The password is written, never read."""

    class Meta:
        model = DialerPort
        fields = (
            "id", "extension", "password", "registrar_host", "registrar_port", "transport", "carrier",
            "media_encryption", "keys_without_tls", "enabled", "state", "last_error",
        )  # fmt: skip
        read_only_fields = ("state", "last_error")
        extra_kwargs = {"password": {"write_only": True, "trim_whitespace": False}}


class DialerPortViewSet(ConfigurationViewSet):
    """Dialer ports; the number of enabled ones bounds the calls in parallel."""

    queryset = DialerPort.objects.all()
    serializer_class = DialerPortSerializer
    filterset_fields: ClassVar[list[str]] = ["enabled", "state", "transport", "carrier", "media_encryption"]
    search_fields: ClassVar[list[str]] = ["extension", "registrar_host"]
    ordering_fields: ClassVar[list[str]] = ["id", "extension", "registrar_host", "state"]


@extend_schema_field({"type": "object", "additionalProperties": {}})
class SettingsField(serializers.JSONField):
    """A JSON object that PostgreSQL can keep."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Use a JSON object."))
        if not is_storable(value):
            raise serializers.ValidationError(_("A text has a character that can't be kept."))
        return value


class ContactCenterSerializer(ModelSerializer):
    settings = SettingsField(required=False)

    class Meta:
        model = ContactCenter
        fields = ("id", "name", "kind", "settings", "enabled", "state", "last_error", "last_event_at")
        read_only_fields = ("state", "last_error", "last_event_at")


class ContactCenterViewSet(ConfigurationViewSet):
    """Contact centres whose queues take the answered calls."""

    queryset = ContactCenter.objects.all()
    serializer_class = ContactCenterSerializer
    filterset_fields: ClassVar[list[str]] = ["kind", "enabled", "state"]
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["id", "name", "state"]


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
