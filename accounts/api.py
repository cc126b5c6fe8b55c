"""`auth/token`, `auth/me` and `users` of the API."""

from typing import Any, ClassVar, cast

from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts import lockout, scope, services, tokens
from accounts.api_base import CrudViewSet, FilterSet, ModelSerializer, ScopedRelatedField
from accounts.models import Role, User

DialerGroup: Any = User._meta.get_field("dialer_groups").related_model


class SignInSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(read_only=True)


class OwnGroupSerializer(serializers.ModelSerializer[Any]):
    class Meta:
        model = DialerGroup
        fields = ("id", "name", "description", "enabled")
        read_only_fields = fields


class MeSerializer(serializers.ModelSerializer[User]):
    groups = OwnGroupSerializer(source="dialer_groups", many=True, read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "role", "groups")
        read_only_fields = fields


class LockedOut(exceptions.Throttled):
    """429 in our words; `Retry-After` says when the lock opens."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.detail = exceptions.ErrorDetail(lockout.words(wait), self.default_code)


class TokenView(APIView):
    """Sign in for programs."""

    permission_classes = [AllowAny]

    def get_authenticators(self) -> Any:
        """A stale token in the header must not keep anybody from getting a new one."""
        signs_in = self.request is not None and self.request.method == "POST"
        return [] if signs_in else super().get_authenticators()

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"

    @extend_schema(
        request=SignInSerializer, responses=TokenSerializer, auth=[], operation_id="auth_token_create"
    )
    def post(self, request: Request) -> Response:
        """A token for user name and password. Send it as `Authorization: Bearer <token>`."""
        sent = SignInSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        name = sent.validated_data["username"]
        if lockout.is_locked(request._request, name):
            wait = lockout.seconds_left(request._request, name)
            raise LockedOut(wait)
        user = authenticate(request._request, **sent.validated_data)
        if not isinstance(user, User):
            raise exceptions.AuthenticationFailed(
                _("User name or password is wrong, or the user may not sign in.")
            )
        return Response({"token": tokens.issue(user)})

    @extend_schema(request=None, responses={204: None}, operation_id="auth_token_destroy")
    def delete(self, request: Request) -> Response:
        """Ends the token with which this request is signed."""
        if not isinstance(request.auth, str):
            raise exceptions.NotAuthenticated()
        tokens.revoke(request.auth)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    """Who is signed in."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=MeSerializer, operation_id="auth_me")
    def get(self, request: Request) -> Response:
        """The user of this request, with role and groups."""
        return Response(MeSerializer(cast(User, request.user)).data)


class UserSerializer(ModelSerializer):
    """A user. The password is written, never read; after creation only a Master can set it."""

    role = serializers.ChoiceField(choices=Role.choices)
    groups = ScopedRelatedField(
        source="dialer_groups", many=True, queryset=DialerGroup.objects.all(), required=False
    )
    password = serializers.CharField(write_only=True, required=False, trim_whitespace=False, max_length=1024)

    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "role", "groups", "is_active", "password")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None and "password" not in attrs:
            raise serializers.ValidationError({"password": _("The first password is missing.")})
        return attrs

    def to_representation(self, instance: User) -> dict[str, Any]:
        """Of the user's groups, those that the reader sees."""
        shown = dict(super().to_representation(instance))
        visible = self.context["visible_groups"]
        shown["groups"] = [pk for pk in shown["groups"] if pk in visible]
        return shown


def _groups(request: Any) -> QuerySet[Any]:
    groups: QuerySet[Any] = DialerGroup.objects.all()
    return scope.visible(request.user, groups) if request is not None else groups


class UserFilter(FilterSet):
    group = filters.ModelChoiceFilter(field_name="dialer_groups", queryset=_groups)

    class Meta:
        model = User
        fields = ("role", "is_active", "group")


class UserViewSet(CrudViewSet):
    """Users: Masters see all of them, Managers those of their groups."""

    queryset = User.objects.prefetch_related("dialer_groups")
    serializer_class = UserSerializer
    filterset_class = UserFilter
    search_fields: ClassVar[list[str]] = ["username", "first_name", "last_name"]
    ordering_fields: ClassVar[list[str]] = ["id", "username", "first_name", "last_name", "role"]

    def get_serializer_context(self) -> dict[str, Any]:
        groups = scope.visible(self.request.user, DialerGroup.objects.all())
        return {
            **super().get_serializer_context(),
            "visible_groups": set(groups.values_list("pk", flat=True)),
        }

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        fields = dict(serializer.validated_data)
        active = fields.pop("is_active", True)
        actor: Any = self.request.user
        with transaction.atomic():
            user = services.create_user(actor, groups=fields.pop("dialer_groups", ()), **fields)
            if not active:
                user = _update(actor, user, {"is_active": False})
        serializer.instance = user

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        fields = dict(serializer.validated_data)
        password = fields.pop("password", None)
        actor: Any = self.request.user
        assert isinstance(serializer.instance, User)
        with transaction.atomic():
            if fields:
                serializer.instance = _update(actor, serializer.instance, fields)
            if password is not None:
                services.set_password(actor, serializer.instance, password)

    def perform_destroy(self, instance: User) -> None:
        actor: Any = self.request.user
        services.delete_user(actor, instance)


def _update(actor: User, user: User, sent: dict[str, Any]) -> User:
    """What was not sent stays as it is."""
    return services.update_user(
        actor,
        user,
        username=sent.get("username", user.username),
        first_name=sent.get("first_name", user.first_name),
        last_name=sent.get("last_name", user.last_name),
        role=sent.get("role", user.role),
        groups=sent.get("dialer_groups", list(user.dialer_groups.all())),
        is_active=sent.get("is_active", user.is_active),
    )
