"""Dialer groups (SPEC 3): made and named by Masters, enabled and disabled by their Managers, never deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Role
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm
from dialer_project.pages import marks
from groups import services
from groups.models import DialerGroup


class GroupForm(ServiceForm):
    class Meta:
        model = DialerGroup
        fields = ["name", "description", "enabled"]

    def write(self, fields: dict[str, Any]) -> DialerGroup:
        if self.is_new:
            return services.create_group(self.actor, **fields)
        kept = {"name": self.instance.name, "description": self.instance.description}
        return services.update_group(self.actor, self.instance, **{**kept, **fields})


@admin.register(DialerGroup)
class DialerGroupAdmin(ScopedModelAdmin):
    form = GroupForm
    list_display = ["name", "description", "enabled_now", "people"]
    list_filter = ["enabled"]
    list_filter_sheet = True
    search_fields = ["name", "description"]
    ordering = ["name"]
    fieldsets = [
        (
            None,
            {
                "fields": ["name", "description", "enabled"],
                "description": gettext_lazy(
                    "In a disabled group started campaigns go on until their schedules have ended, nothing else can be "
                    "started or created, and campaign people without another enabled group can't sign in."
                ),
            },
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DialerGroup]:
        rows: QuerySet[DialerGroup] = super().get_queryset(request)
        return rows.annotate(user_count=Count("users"))

    @admin.display(description=gettext_lazy("state"), ordering="enabled")
    def enabled_now(self, group: DialerGroup) -> SafeString:
        return marks.badge(_("enabled"), marks.GOOD) if group.enabled else marks.badge(_("disabled"))

    @admin.display(description=gettext_lazy("users"), ordering="user_count")
    def people(self, group: Any) -> int:
        return int(group.user_count)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A Manager only enables and disables."""
        return [] if getattr(request.user, "role", None) == Role.MASTER else ["name", "description"]
