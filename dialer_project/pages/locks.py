"""Wrong passwords, and the locks that came of them: Masters look and release."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import lockout, scope
from accounts.models import SignInLock, User
from accounts.scope import Action
from dialer_project.admin_base import ScopedModelAdmin
from dialer_project.pages import marks
from dialer_project.times import in_zone


@admin.register(SignInLock)
class SignInLockAdmin(ScopedModelAdmin):
    list_display = ["name_words", "address_words", "wrong_words", "last_words", "lock"]
    list_display_links = None
    search_fields = ["username", "ip_address"]
    ordering = ["-attempt_time"]
    empty_words = gettext_lazy("Nobody has typed a wrong password lately.")
    list_per_page = 25
    actions = ["release_chosen"]
    fields = readonly_fields = [
        "name_words",
        "address_words",
        "browser_words",
        "wrong_words",
        "last_words",
        "lock",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return lockout.with_totals(super().get_queryset(request))

    @admin.display(description=gettext_lazy("user name"), ordering="username")
    def name_words(self, row: Any) -> str:
        return row.username or "–"

    @admin.display(description=gettext_lazy("from address"), ordering="ip_address")
    def address_words(self, row: Any) -> str:
        return row.ip_address or "–"

    @admin.display(description=gettext_lazy("browser"))
    def browser_words(self, row: Any) -> str:
        return row.user_agent or "–"

    @admin.display(description=gettext_lazy("wrong passwords"))
    def wrong_words(self, row: Any) -> int:
        return int(row.wrong)

    @admin.display(description=gettext_lazy("last"), ordering="attempt_time")
    def last_words(self, row: Any) -> str:
        return in_zone(row.last_wrong, get_current_timezone())

    @admin.display(description=gettext_lazy("state"))
    def lock(self, row: Any) -> SafeString:
        until = lockout.locked_until(row)
        if until is None:
            return marks.badge(_("open"))
        when = in_zone(until, get_current_timezone())
        return marks.badge(_("locked until %(when)s") % {"when": when}, marks.BAD)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        return [str(row) for row in objs], {_("Wrong passwords"): len(objs)}, set(), []

    def remove(self, actor: User, obj: SignInLock) -> None:
        lockout.release(actor, obj)

    @admin.action(description=gettext_lazy("Release the chosen locks"), permissions=["delete"])
    def release_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        rows = list(scope.visible(request.user, queryset))
        for row in rows:
            if scope.allowed(request.user, Action.DELETE, row):
                lockout.release(request.user, row)  # type: ignore[arg-type]
        words = ngettext("%(count)d lock was released.", "%(count)d locks were released.", len(rows))
        messages.success(request, words % {"count": len(rows)})
