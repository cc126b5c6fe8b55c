from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DialingConfig(AppConfig):
    name = "dialing"
    verbose_name = _("Dialing")
