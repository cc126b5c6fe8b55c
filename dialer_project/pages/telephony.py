"""What a Master sets up: dialer ports, contact centres and their queues."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.models import User
from accounts.scope import Action
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm
from dialer_project.pages import connector_test, marks
from dialer_project.pages.exports import ExportedList
from dialer_project.pages.port_import import import_page
from dialer_project.times import in_zone
from dialing import capacity
from telephony import configuration, port_table
from telephony.models import Carrier, ContactCenter, DialerPort, Queue


class SetupForm(ServiceForm):
    def write(self, fields: dict[str, Any]) -> Any:
        return configuration.save(self.actor, self.instance, **fields)


class SetupAdmin(ScopedModelAdmin):
    def remove(self, actor: User, obj: Any) -> None:
        configuration.delete(actor, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ProtectedError:
            messages.error(request, _("It is in use and can't be deleted."))
            return HttpResponseRedirect(self.url("change", object_id))


class PortForm(SetupForm):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Written, never shown. Leave it empty to keep the one that is stored."),
    )

    class Meta:
        model = DialerPort
        fields = [
            "extension", "password", "registers", "registrar_host", "registrar_port", "second_registrar_host",
            "second_registrar_port", "transport", "carrier", "media_encryption", "keys_without_tls", "enabled",
        ]  # fmt: skip

    def write(self, fields: dict[str, Any]) -> Any:
        if not fields["password"] and not self.is_new:
            del fields["password"]
        return super().write(fields)


@admin.register(DialerPort)
class DialerPortAdmin(ExportedList, SetupAdmin):
    form = PortForm
    exported = staticmethod(port_table.export_ports)
    list_before_template = "dialer/list_links.html"
    more_links = (("import", "upload", gettext_lazy("Import")),)
    list_display = [
        "extension",
        "registrar",
        "transport",
        "carrier",
        "enabled",
        "state_now",
        "active_registrar",
        "worker",
        "last_error",
    ]
    list_filter = ["state", "enabled", "registers", "carrier"]
    list_select_related = ["carrier"]
    list_filter_sheet = True
    list_per_page = 50
    search_fields = ["extension", "registrar_host", "second_registrar_host"]
    readonly_fields = ["state_now", "active_registrar", "worker", "last_error"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        where = [
            "registers",
            ("registrar_host", "registrar_port"),
            ("second_registrar_host", "second_registrar_port"),
            "transport",
            "carrier",
        ]
        found = [
            (None, {"fields": ["extension", "password", "enabled"]}),
            (_("Registrar"), {"fields": where}),
            (_("Audio"), {"fields": ["media_encryption", "keys_without_tls"]}),
        ]
        if obj is not None:
            now = ["state_now", "active_registrar", "worker", "last_error"]
            found.append((_("Now"), {"fields": now}))
        return found

    def pages(self) -> list[Any]:
        return [*super().pages(), ("import/", "import", self.import_view)]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        return import_page(self, request)

    @admin.display(description=gettext_lazy("registrar"), ordering="registrar_host")
    def registrar(self, port: DialerPort) -> str:
        return f"{port.registrar_host}:{port.registrar_port}" if port.registrar_port else port.registrar_host

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, port: DialerPort) -> SafeString:
        return marks.state_badge(DialerPort.State, port.state)


class CarrierForm(SetupForm):
    class Meta:
        model = Carrier
        fields = ["name", "calls_per_second", "max_calls"]


@admin.register(Carrier)
class CarrierAdmin(SetupAdmin):
    form = CarrierForm
    list_display = [
        "name",
        "calls_per_second",
        "max_calls",
        "port_count",
        "calls_now",
        "state_now",
        "last_error",
    ]
    search_fields = ["name"]
    readonly_fields = ["port_count", "calls_now", "state_now", "last_error"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Carrier]:
        return capacity.with_use(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found: list[Any] = [(None, {"fields": ["name", "calls_per_second", "max_calls"]})]
        if obj is not None:
            found.append((_("Now"), {"fields": ["port_count", "calls_now", "state_now", "last_error"]}))
        return found

    @admin.display(description=gettext_lazy("dialer ports"))
    def port_count(self, carrier: Any) -> int:
        return int(carrier.port_count)

    @admin.display(description=gettext_lazy("in a call now"))
    def calls_now(self, carrier: Any) -> int:
        return int(carrier.calls_now)

    @admin.display(description=gettext_lazy("state"), ordering="resting_until")
    def state_now(self, carrier: Carrier) -> SafeString:
        if carrier.resting_until is None or carrier.resting_until <= timezone.now():
            return marks.badge(_("takes calls"), marks.GOOD)
        until = in_zone(carrier.resting_until, timezone.get_current_timezone())
        return marks.badge(_("rests until %(when)s") % {"when": until}, marks.WARN)


class ContactCenterForm(SetupForm):
    class Meta:
        model = ContactCenter
        fields = ["name", "kind", "settings", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if settings := self.fields.get("settings"):
            self.initial["settings"] = configuration.without_secrets(self.initial.get("settings") or {})
            examples = [
                (ContactCenter.Kind(kind).label, text) for kind, text in connector_test.EXAMPLES.items()
            ]
            listed = format_html_join("", "<br>{}: <code>{}</code>", examples)
            secrets = _("Passwords and tokens are written, never shown: left empty they stay as they are.")
            settings.help_text = format_html("{} {}{}", settings.help_text, secrets, listed)


@admin.register(ContactCenter)
class ContactCenterAdmin(SetupAdmin):
    form = ContactCenterForm
    list_display = ["name", "kind", "enabled", "state_now", "last_event_at", "error", "test"]
    search_fields = ["name"]
    readonly_fields = ["state_now", "last_event_at", "error"]
    change_form_outer_before_template = "dialer/list_links.html"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        center = context.get("original")
        if center is not None and self.has_change_permission(request, center):
            context["bar_links"] = [(self.url("test", center.pk), "network_check", _("Test"))]
        return super().render_change_form(request, context, *args, **kwargs)

    def pages(self) -> list[Any]:
        return [("<int:pk>/test/", "test", self.test_view)]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks the contact centre by the saved settings."""
        center = self.scoped(request, pk, Action.CHANGE)
        queues, error = connector_test.ask(center)
        context = self.page_context(
            request,
            _("Test"),
            original=center,
            queues=queues,
            error=error,
            back_url=self.url("change", center.pk),
        )
        return TemplateResponse(request, "dialer/connector_test.html", context)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found: list[Any] = [(None, {"fields": ["name", "kind", "settings", "enabled"]})]
        if obj is not None:
            found.append((_("Now"), {"fields": ["state_now", "last_event_at", "error"]}))
        return found

    @admin.display(description=gettext_lazy("last error"), ordering="last_error_at")
    def error(self, center: ContactCenter) -> str:
        """With its time: it stays when all is well again."""
        if not center.last_error or center.last_error_at is None:
            return center.last_error
        at = in_zone(center.last_error_at, timezone.get_current_timezone())
        return f"{at}: {center.last_error}"

    @admin.display(description=gettext_lazy("test"))
    def test(self, center: ContactCenter) -> SafeString:
        return format_html('<a class="d-button" href="{}">{}</a>', self.url("test", center.pk), _("Test"))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, center: ContactCenter) -> SafeString:
        return marks.state_badge(ContactCenter.State, center.state)


class QueueForm(SetupForm):
    class Meta:
        model = Queue
        fields = ["contact_center", "name", "kind", "pilot_number"]


@admin.register(Queue)
class QueueAdmin(SetupAdmin):
    form = QueueForm
    list_display = ["name", "kind", "pilot_number", "contact_center", "center_state"]
    list_filter = ["kind"]
    list_filter_sheet = True
    search_fields = ["name", "pilot_number"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Queue]:
        return super().get_queryset(request).select_related("contact_center")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ["contact_center", "name", "kind", "pilot_number"]})]

    @admin.display(description=gettext_lazy("contact centre's state"), ordering="contact_center__state")
    def center_state(self, queue: Queue) -> SafeString:
        return marks.state_badge(ContactCenter.State, queue.contact_center.state)
