"""Who changed what and when: for Masters, read-only."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

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
        words = [field_words(change, *field) for field in change.fields if _says_something(change, *field)]
        if len(words) <= _AT_ONCE:
            return marks.lines(words) or "–"
        summary = ngettext("%(count)d field", "%(count)d fields", len(words)) % {"count": len(words)}
        items = format_html_join("", "<li>{}</li>", ((line,) for line in words))
        return format_html(
            '<details class="d-changes"><summary>{}</summary><ul>{}</ul></details>', summary, items
        )


def kind_words(kind: str) -> str:
    try:
        return str(apps.get_model(kind)._meta.verbose_name)
    except LookupError:  # a kind of an earlier version
        return kind


_AT_ONCE = 4
"""So many fields are shown without being asked for."""
_NOTHING = {"", "None", "[]", "{}"}


def _says_something(change: Change, name: str, old: str | None = None, new: str | None = None) -> bool:
    """A new object's empty fields are no news."""
    return change.action == Change.Action.CHANGED or old is None or not {old, new} <= _NOTHING


def field_words(change: Change, name: str, old: str | None = None, new: str | None = None) -> str:
    """`name: old → new`, as the pages name both; a secret has no values."""
    try:
        field = apps.get_model(change.kind)._meta.get_field(name)
    except (LookupError, FieldDoesNotExist):  # of an earlier version
        field = None
    label = str(getattr(field, "verbose_name", name))
    if old is None or new is None:
        return label
    before, after = _value_words(field, old), _value_words(field, new)
    if change.action == Change.Action.CHANGED:
        return f"{label}: {before} → {after}"
    return f"{label}: {after if old in _NOTHING else before}"


def _value_words(field: Any, value: str) -> str:
    if value in _NOTHING:
        return "–"
    if isinstance(field, BooleanField):
        return _("yes") if value == "True" else _("no")
    choices = getattr(field, "flatchoices", None) or []
    return str({str(key): words for key, words in choices}.get(value, value))
