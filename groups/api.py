"""`groups` of the API. Groups are never deleted (SPEC 3), so there is no DELETE."""

from typing import Any, ClassVar

from rest_framework import mixins
from rest_framework.serializers import BaseSerializer

from accounts.api_base import ModelSerializer, ReadViewSet
from groups import services
from groups.models import DialerGroup


class GroupSerializer(ModelSerializer):
    class Meta:
        model = DialerGroup
        fields = ("id", "name", "description", "enabled")


class GroupViewSet(mixins.CreateModelMixin, mixins.UpdateModelMixin, ReadViewSet):
    """Dialer groups. Masters add and change them, Managers enable and disable their own."""

    queryset = DialerGroup.objects.all()
    serializer_class = GroupSerializer
    filterset_fields: ClassVar[list[str]] = ["enabled"]
    search_fields: ClassVar[list[str]] = ["name", "description"]
    ordering_fields: ClassVar[list[str]] = ["id", "name", "enabled"]

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        serializer.instance = services.create_group(actor, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        actor: Any = self.request.user
        group, sent = serializer.instance, serializer.validated_data
        assert isinstance(group, DialerGroup)
        serializer.instance = services.update_group(
            actor,
            group,
            name=sent.get("name", group.name),
            description=sent.get("description", group.description),
            enabled=sent.get("enabled", group.enabled),
        )
