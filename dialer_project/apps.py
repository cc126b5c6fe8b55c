from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DialerProjectConfig(AppConfig):
    name = "dialer_project"
    verbose_name = "Dialer"
    default = True


class DialerAdminConfig(admin_apps.AdminConfig):
    """`django.contrib.admin` with our site."""

    default = False
    default_site = "dialer_project.admin_site.DialerAdminSite"
