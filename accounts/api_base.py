"""What all API views share: roles, scope and related objects.

A viewset names its model and which `scope.Action` each of its actions is. The role decides between doing and
403, `scope.visible` between an object and 404, and writes go through services with the user as actor.
"""

import re
from collections.abc import Callable, Mapping
from datetime import time
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Model, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit, scope
from accounts.scope import Action

ID = "[0-9]{1,18}"
"""Ids in addresses; anything else is 404 before the database is asked."""

CRUD: Mapping[str, Action] = {
    "list": Action.VIEW,
    "retrieve": Action.VIEW,
    "create": Action.ADD,
    "update": Action.CHANGE,
    "partial_update": Action.CHANGE,
    "destroy": Action.DELETE,
}


class RolePermission(BasePermission):
    """Whether the role allows the action at all. An action that `scope_actions` does not name is nobody's."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        action = getattr(view, "action", None)
        if action in {None, "metadata"} or not isinstance(view, ScopedViewSet):
            return isinstance(view, ScopedViewSet)  # a method that the view does not have: 405 follows
        right = view.scope_actions.get(action)
        if right is None:
            return False
        scope.require(request.user, right, view.scope_model())
        return True


class ScopedViewSet(viewsets.GenericViewSet[Any]):
    """Base of all viewsets: rows come from `scope.visible`, rights from `scope.RIGHTS`."""

    permission_classes = [RolePermission]
    lookup_value_regex = ID
    scope_actions: ClassVar[Mapping[str, Action]] = CRUD

    @classmethod
    def scope_model(cls) -> type[Model]:
        assert cls.queryset is not None
        model: type[Model] = cls.queryset.model
        return model

    def get_queryset(self) -> QuerySet[Any]:
        return scope.visible(self.request.user, super().get_queryset())


class ChangeMixin(mixins.UpdateModelMixin):
    """PUT and PATCH. One object comes with its ETag; sent back as If-Match, a change of what is not the latest any
    more is refused with 412.
    """

    def update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            wanted = request.headers.get("If-Match", "*")
            if wanted.strip() != "*":
                self._require_unchanged(self.get_object(), wanted)
            answer: Response = mixins.UpdateModelMixin.update(self, request, *args, **kwargs)
            return answer

    def _require_unchanged(self, row: Model, wanted: str) -> None:
        """`wanted`: the header, one or several tags. A weak one never matches (RFC 9110 13.1.1)."""
        tags = [tag.strip() for tag in wanted.split(",")]
        seen = [tag[1:-1] for tag in tags if len(tag) > 1 and tag[0] == tag[-1] == '"']
        audit.require_unchanged(row, *seen)

    def finalize_response(self: Any, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        if self.action in {"retrieve", "update", "partial_update"} and response.status_code == 200:
            row = self.scope_model()._default_manager.get(pk=response.data["id"])
            response["ETag"] = f'"{audit.fingerprint(row)}"'
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]


class CrudViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin,
                  ChangeMixin, mixins.DestroyModelMixin, ScopedViewSet):  # fmt: skip
    """List, create, read, change, delete; subclasses say which service does it."""


class ReadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """List and read."""


def changes(instance: Model, validated: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `validated` that differ from `instance`: a full PUT changes only what it changes."""
    return {name: value for name, value in validated.items() if getattr(instance, name) != value}


class WrittenByServices(ScopedViewSet):
    """Part of a viewset whose rows a service makes and changes: `create_row(actor, **fields)` and
    `change_row(actor, row, **fields)` with the fields that were sent. A PATCH changes no other."""

    create_row: ClassVar[Callable[..., Model]]
    change_row: ClassVar[Callable[..., Model]]

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        serializer.instance = type(self).create_row(self.request.user, **serializer.validated_data)

    def perform_update(self, serializer: serializers.BaseSerializer[Any]) -> None:
        row = serializer.instance
        serializer.instance = type(self).change_row(self.request.user, row, **serializer.validated_data)


class ScopedRelatedField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of a related object; one that the user may not see does not exist."""

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        assert queryset is not None
        request = self.context.get("request")
        return scope.visible(request.user, queryset) if request is not None else queryset.none()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)


class FilterSet(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Base of the filters of query parameters."""


_HOURS = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"


@extend_schema_field({"type": "string", "pattern": _HOURS, "example": "08:00:00"})
class LocalTimeField(serializers.TimeField):
    """Wall-clock hours of the campaign's zone. One with an offset is refused: it would be dropped in silence.

    (OpenAPI's format `time` is RFC 3339's, which has an offset.)
    """

    def to_internal_value(self, value: Any) -> time:
        if not re.fullmatch(_HOURS, str(value)):
            self.fail("invalid", format="hh:mm[:ss]")
        return super().to_internal_value(value)


class ModelSerializer(serializers.ModelSerializer[Any]):
    """Serializers of this API: shape and plain validation; the rules are in the services."""

    serializer_related_field = ScopedRelatedField
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.TimeField: LocalTimeField,
    }

    def include_extra_kwargs(self, kwargs: Any, extra_kwargs: Any) -> Any:
        """A choice that may be empty stays one when it is only read: the schema says what clients will see."""
        may_be_empty = "choices" in kwargs and kwargs.get("allow_blank")
        found = super().include_extra_kwargs(kwargs, extra_kwargs)
        if may_be_empty:
            found["allow_blank"] = True
        return found
