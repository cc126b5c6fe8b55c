"""The admin site: sign-in with language, live figures, no doors beside `accounts.scope`."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from accounts.models import Role
from dialer_project.sign_in import SignInForm


class DialerAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    site_title = site_header = _("Dialer")
    index_title = _("Overview")
    login_form = SignInForm
    site_url = None

    def extra_urls(self) -> list[Any]:
        from dialer_project.pages import detection, diagnostics, leaks, live, wallboard

        return [
            path("diagnostics/", self.admin_view(diagnostics.diagnostics_page), name="diagnostics"),
            path("diagnostics/logs/", self.admin_view(diagnostics.logs_zip), name="diagnostics_logs"),
            path("diagnostics/leaks/", self.admin_view(leaks.leaks_page), name="leaks"),
            path("wallboard/", self.admin_view(wallboard.wallboard_page), name="wallboard"),
            path("wallboard/events/", self.admin_view(wallboard.events), name="wallboard_events"),
            path("live/", self.admin_view(live.live_figures), name="live"),
            path("detection/", self.admin_view(detection.accuracy_page), name="detection"),
            path("detection/export/", self.admin_view(detection.export), name="detection_export"),
        ]

    @property
    def urls(self) -> Any:
        return self.get_urls(), "admin", self.name

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign-in; the language chosen there stays with the browser, also when the password was wrong."""
        language = request.POST.get("language", "")
        chosen = request.method == "POST" and language in dict(settings.LANGUAGES)
        if chosen:
            translation.activate(language)
        response: HttpResponse = super().login(request, extra_context)
        if chosen:
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                language,
                max_age=365 * 24 * 3600,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Passwords are set by Masters only, their own too (SPEC 2)."""
        if getattr(request.user, "role", None) != Role.MASTER:
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:accounts_user_password", args=[request.user.pk]))

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """No form of ours asks here, so there is no door."""
        raise Http404

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The sidebar's search is off (the lists have their own); Unfold's view stands on any page number."""
        return HttpResponse()
