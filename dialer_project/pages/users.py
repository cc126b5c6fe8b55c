"""Users: made and changed by Masters and Managers; passwords set by Masters (SPEC 2)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from accounts import scope, services
from accounts.models import Role, User
from accounts.scope import Action
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm, add_refusal
from dialer_project.pages import marks
from groups.models import DialerGroup

password_rules = lazy(password_validators_help_text_html, str)


def _password_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=password_rules(),
    )


class UserForm(ServiceForm):
    error_fields = {"groups": "dialer_groups"}
    password = _password_field()
    dialer_groups = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Dialer groups"),
        queryset=DialerGroup.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Everybody but a Master is in at least one."),
    )

    class Meta:
        model = User
        fields = ["username", "password", "first_name", "last_name", "role", "dialer_groups", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = dict(self.fields)
        if groups := fields.get("dialer_groups"):
            groups.queryset = scope.visible(self.actor, DialerGroup.objects.all())
        role = fields.get("role")
        if role and self.actor.role != Role.MASTER:
            role.choices = [choice for choice in Role.choices if choice[0] != Role.MASTER]

    def write(self, fields: dict[str, Any]) -> User:
        groups = list(fields.pop("dialer_groups"))
        if self.is_new:
            fields.pop("is_active", None)
            return services.create_user(self.actor, groups=groups, **fields)
        return services.update_user(self.actor, self.instance, groups=groups, **fields)


class PasswordForm(forms.Form):
    password = _password_field()


@admin.register(User)
class UserAdmin(ScopedModelAdmin):
    form = UserForm
    list_display = ["username", "full_name", "role_words", "groups_words", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    list_filter_sheet = True
    search_fields = ["username", "first_name", "last_name"]
    ordering = ["username"]
    list_per_page = 25
    change_form_outer_before_template = "dialer/user_links.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("dialer_groups")

    @admin.display(description=gettext_lazy("name"), ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=gettext_lazy("role"), ordering="role")
    def role_words(self, user: User) -> SafeString:
        return marks.badge(user.get_role_display(), marks.INFO if user.role == Role.MASTER else marks.QUIET)

    @admin.display(description=gettext_lazy("dialer groups"))
    def groups_words(self, user: User) -> str:
        return ", ".join(group.name for group in user.dialer_groups.all()) or "–"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sign_in = ["username", "password"] if obj is None else ["username", "is_active"]
        return [
            (_("Sign-in"), {"fields": sign_in}),
            (_("Person"), {"fields": ["first_name", "last_name"]}),
            (_("Rights"), {"fields": ["role", "dialer_groups"]}),
        ]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        user = context.get("original")
        if user is not None and getattr(request.user, "role", None) == Role.MASTER:
            context["password_url"] = self.url("password", user.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What the user made stays; only the name beside it goes."""
        return [str(user) for user in objs], {_("Users"): len(objs)}, set(), []

    def remove(self, actor: User, obj: User) -> None:
        services.delete_user(actor, obj)

    def pages(self) -> list[Any]:
        return [("<int:pk>/password/", "password", self.password_view)]

    def password_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self.scoped(request, pk, Action.CHANGE)
        if getattr(request.user, "role", None) != Role.MASTER:
            raise PermissionDenied
        form = PasswordForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                services.set_password(request.user, user, form.cleaned_data["password"])  # type: ignore[arg-type]
                if user.pk == request.user.pk:
                    update_session_auth_hash(request, user)  # one's own page stays open
            except ValidationError as refusal:
                add_refusal(form, refusal)
            else:
                messages.success(request, _("The password of %(user)s is set.") % {"user": user.username})
                return HttpResponseRedirect(self.url("change", user.pk))
        context = self.page_context(
            request,
            _("Set password"),
            original=user,
            form=form,
            explanation=_("The user's open sessions end; they sign in again with the new password."),
            submit=_("Set password"),
            cancel_url=self.url("change", user.pk),
        )
        return TemplateResponse(request, "dialer/form_page.html", context)
