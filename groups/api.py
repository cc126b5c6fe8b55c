"""`groups` of the API. Groups are never deleted (SPEC 3), so there is no DELETE."""

from typing import ClassVar

from rest_framework import mixins

from accounts.api_base import ChangeMixin, ModelSerializer, ReadViewSet, WrittenByServices
from groups import services
from groups.models import DialerGroup


class GroupSerializer(ModelSerializer):
    class Meta:
        model = DialerGroup
        fields = ("id", "name", "description", "enabled")


class GroupViewSet(WrittenByServices, mixins.CreateModelMixin, ChangeMixin, ReadViewSet):
    """Dialer groups. Masters add and change them, Managers enable and disable their own."""

    queryset = DialerGroup.objects.all()
    serializer_class = GroupSerializer
    filterset_fields: ClassVar[list[str]] = ["enabled"]
    search_fields: ClassVar[list[str]] = ["name", "description"]
    ordering_fields: ClassVar[list[str]] = ["id", "name", "enabled"]
    create_row = staticmethod(services.create_group)
    change_row = staticmethod(services.update_group)
