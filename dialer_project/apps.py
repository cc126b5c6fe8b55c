from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DialerProjectConfig(AppConfig):
    name = "dialer_project"
    verbose_name = "Dialer"
    default = True

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from dialer_project.idle_sessions import begin

        user_logged_in.connect(begin, dispatch_uid="idle_sessions")


class DialerAdminConfig(admin_apps.AdminConfig):
    """`django.contrib.admin` with our site."""

    default = False
    default_site = "dialer_project.admin_site.DialerAdminSite"
