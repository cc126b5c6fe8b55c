"""`changes` and `locks` of the API: who changed what, and who is locked out. Masters only."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import lockout
from accounts.api_base import CRUD, FilterSet, ModelSerializer, ReadViewSet
from accounts.models import Change, SignInLock


class FieldChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    old = serializers.CharField(allow_null=True, allow_blank=True, help_text="null for a secret")
    new = serializers.CharField(allow_null=True, allow_blank=True, help_text="null for a secret")


class ChangeSerializer(ModelSerializer):
    """What somebody did to one object. `actor_name` is empty for the operator at the shell."""

    fields_changed = serializers.SerializerMethodField()

    class Meta:
        model = Change
        fields = (
            "id", "at", "actor_name", "door", "address", "kind", "object_id", "object_name", "action", "fields_changed",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(FieldChangeSerializer(many=True))
    def get_fields_changed(self, change: Change) -> Any:
        return [
            dict(zip(("name", "old", "new"), [*words, None, None], strict=False)) for words in change.fields
        ]


class ChangeFilter(FilterSet):
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Change
        fields = ("kind", "object_id", "action", "door", "actor_name", "since", "until")


class ChangeViewSet(ReadViewSet):
    """The record of changes, newest first."""

    queryset = Change.objects.all()
    serializer_class = ChangeSerializer
    filterset_class = ChangeFilter
    lookup_value_regex = r"[a-z]+\.[a-z]+-[0-9]{1,18}"
    search_fields: ClassVar[list[str]] = ["actor_name", "object_name"]
    ordering_fields: ClassVar[list[str]] = ["at", "actor_name", "action", "kind"]


class LockSerializer(ModelSerializer):
    """Wrong passwords for one user name from one address; `locked_until` is null while they do not lock."""

    wrong = serializers.IntegerField(read_only=True, help_text="Wrong passwords so far.")
    last_wrong = serializers.DateTimeField(read_only=True)
    locked_until = serializers.SerializerMethodField()

    class Meta:
        model = SignInLock
        fields = ("id", "username", "ip_address", "wrong", "last_wrong", "locked_until")
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_locked_until(self, lock: Any) -> Any:
        return lockout.locked_until(lock)


class LockViewSet(ReadViewSet):
    """User names with wrong passwords, and the locks that came of them."""

    queryset = SignInLock.objects.all()
    serializer_class = LockSerializer
    search_fields: ClassVar[list[str]] = ["username", "ip_address"]
    ordering_fields: ClassVar[list[str]] = ["id", "username", "ip_address"]
    scope_actions = CRUD

    def get_queryset(self) -> QuerySet[Any]:
        return lockout.with_totals(super().get_queryset())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Opens the door for this user name and address; the count begins anew."""
        actor: Any = request.user
        lockout.release(actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
