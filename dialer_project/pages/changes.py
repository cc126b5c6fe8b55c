"""Who changed what and when: for Masters, read-only."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Change
from dialer_project.admin_base import ScopedModelAdmin
from dialer_project.pages import marks
from dialer_project.times import in_zone


class KindFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = [
            model._meta.label_lower
            for model in apps.get_models()
            if hasattr(model._meta, "simple_history_manager_attribute")
        ]
        return sorted(((kind, kind_words(kind)) for kind in kinds), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Change)
class ChangeAdmin(ScopedModelAdmin):
    list_display = ["when", "who", "through", "action_words", "what_kind", "object_name", "changes"]
    list_display_links = None
    list_filter = ["action", KindFilter, "door"]
    list_filter_sheet = True
    search_fields = ["actor_name", "object_name"]
    list_per_page = 25
    fields = readonly_fields = [
        "when",
        "who",
        "through",
        "action_words",
        "what_kind",
        "object_name",
        "changes",
    ]

    @admin.display(description=gettext_lazy("when"), ordering="at")
    def when(self, change: Change) -> str:
        return in_zone(change.at, get_current_timezone(), seconds=True)

    @admin.display(description=gettext_lazy("who"), ordering="actor_name")
    def who(self, change: Change) -> str:
        return change.actor_name or _("operator")

    @admin.display(description=gettext_lazy("through"), ordering="door")
    def through(self, change: Change) -> Any:
        door = change.get_door_display()
        return marks.lines([door, change.address]) if change.address else door

    @admin.display(description=gettext_lazy("action"), ordering="action")
    def action_words(self, change: Change) -> SafeString:
        tone = marks.BAD if change.action == Change.Action.DELETED else marks.QUIET
        return marks.badge(change.get_action_display(), tone)

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def what_kind(self, change: Change) -> str:
        return kind_words(change.kind)

    @admin.display(description=gettext_lazy("changes"))
    def changes(self, change: Change) -> Any:
        return marks.lines([field_words(change, *field) for field in change.fields]) or "–"


def kind_words(kind: str) -> str:
    try:
        return str(apps.get_model(kind)._meta.verbose_name)
    except LookupError:  # a kind of an earlier version
        return kind


def field_words(change: Change, name: str, old: str | None = None, new: str | None = None) -> str:
    """`name: old → new`; a secret has no values."""
    try:
        label = str(getattr(apps.get_model(change.kind)._meta.get_field(name), "verbose_name", name))
    except (LookupError, FieldDoesNotExist):
        label = name
    if old is None or new is None:
        return label
    if change.action == Change.Action.CHANGED:
        return f"{label}: {old or '–'} → {new or '–'}"
    return f"{label}: {new or old}"
