from django.apps import AppConfig


class DialerProjectConfig(AppConfig):
    name = "dialer_project"
    verbose_name = "Dialer"
