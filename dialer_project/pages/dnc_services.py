"""Do-not-call services: their settings and certificates, their state, and a question at a click."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.scope import Action
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm, add_refusal
from dialer_project.pages import marks
from dnc import services
from dnc.models import DncService

SECRETS = ("bearer_token", "client_certificate")


class QuestionForm(forms.Form):
    number = forms.CharField(label=gettext_lazy("Number"), widget=UnfoldAdminTextInputWidget, max_length=40)


class ServiceSettingsForm(ServiceForm):
    bearer_token = forms.CharField(
        label=gettext_lazy("Bearer token"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Written, never shown. Leave it empty to keep the one that is stored."),
    )

    client_certificate = forms.CharField(
        label=gettext_lazy("Client certificate"),
        required=False,
        max_length=100_000,
        widget=UnfoldAdminTextareaWidget(attrs={"autocomplete": "off", "rows": 3}),
        help_text=gettext_lazy(
            "PEM: the certificate and its private key, without a password. Written, never shown; leave it empty to "
            "keep the one that is stored."
        ),
    )

    class Meta:
        model = DncService
        fields = [*services.SETTINGS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            self.initial[name] = ""

    def write(self, fields: dict[str, Any]) -> DncService:
        fields = {name: value for name, value in fields.items() if value or name not in SECRETS}
        if self.is_new:
            return services.create_service(self.actor, **fields)
        return services.update_service(self.actor, self.instance, **fields)


@admin.register(DncService)
class DncServiceAdmin(ScopedModelAdmin):
    form = ServiceSettingsForm
    list_display = ["name", "kind", "url", "state_now", "last_error"]
    search_fields = ["name"]
    readonly_fields = ["kind", "state_now", "failures", "last_error"]
    change_form_outer_before_template = "dialer/list_links.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        settings: list[str] = [*services.SETTINGS]
        if obj is None:
            return [(None, {"fields": settings})]
        if not self.has_change_permission(request, obj):
            settings = [name for name in settings if name not in SECRETS]
            settings = ["name", "kind"] if _embedded(obj) else settings
        return [(None, {"fields": settings}), (_("Now"), {"fields": ["state_now", "failures", "last_error"]})]

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, service: DncService) -> SafeString:
        return marks.state_badge(DncService.State, service.state)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _embedded(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _embedded(obj) and super().has_delete_permission(request, obj)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        service = context.get("original")
        if service is not None and self.has_change_permission(request, service):
            context["bar_links"] = [(self.url("test", service.pk), "network_check", _("Test"))]
        return super().render_change_form(request, context, *args, **kwargs)

    def pages(self) -> list[Any]:
        return [("<int:pk>/test/", "test", self.test_view)]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks the service now and says what it answered; changes nothing."""
        service = self.scoped(request, pk, Action.CHANGE)
        form = QuestionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                result = services.test_service(request.user, service, form.cleaned_data["number"])  # type: ignore[arg-type]
            except ValidationError as refusal:
                add_refusal(form, refusal)
            else:
                self._say(request, result)
        context = self.page_context(
            request,
            _("Test"),
            original=service,
            form=form,
            explanation=_("The service is asked now, with the settings as they are saved."),
            submit=_("Ask"),
            cancel_url=self.url("change", service.pk),
        )
        return TemplateResponse(request, "dialer/form_page.html", context)

    def _say(self, request: HttpRequest, result: services.ServiceTest) -> None:
        after = {"ms": result.elapsed_ms, "error": result.error}
        if result.listed is None:
            messages.error(request, _("No answer after %(ms)d ms: %(error)s") % after)
        elif result.listed:
            messages.warning(request, _("The number is listed: it must not be called (%(ms)d ms).") % after)
        else:
            messages.success(request, _("The number is not listed: it may be called (%(ms)d ms).") % after)

    def remove(self, actor: User, obj: DncService) -> None:
        services.delete_service(actor, obj)


def _embedded(obj: Any) -> bool:
    """The embedded service can be neither changed nor deleted (SPEC 8)."""
    return isinstance(obj, DncService) and obj.kind == DncService.Kind.EMBEDDED
