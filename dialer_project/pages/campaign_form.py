"""The campaign form of the guide (G 6.4), with time zone, default country and ring time-out added."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from django import forms
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleTimeWidget,
    UnfoldAdminTextareaWidget,
)

from accounts import scope
from accounts.scope import Action
from campaigns import services
from campaigns.models import Campaign
from dialer_project.admin_base import ServiceForm
from dialer_project.times import offset_name
from groups.models import DialerGroup
from telephony.models import Queue


def time_zones() -> list[tuple[str, str]]:
    """IANA zones with the offset they have now: `America/Sao_Paulo (GMT-3)`."""
    return _time_zones(timezone.now().date())


@lru_cache(maxsize=2)
def _time_zones(day: date) -> list[tuple[str, str]]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("UTC"))
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [(name, f"{name} ({offset_name(noon, ZoneInfo(name))})") for name in ["UTC", *names]]


@lru_cache(maxsize=1)
def countries() -> list[tuple[str, str]]:
    codes = sorted(phonenumbers.SUPPORTED_REGIONS)
    return [(code, f"{code} (+{phonenumbers.country_code_for_region(code)})") for code in codes]


class QueueSelect(UnfoldAdminSelectWidget):  # type: ignore[misc]
    """Each option carries the queue's type and pilot number: the page offers those of the chosen type."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        option = super().create_option(name, value, *args, **kwargs)
        queue = getattr(value, "instance", None)
        if queue is not None:
            option["attrs"] |= {"data-kind": queue.kind, "data-pilot": queue.pilot_number}
        return option


class QueueField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} – {obj.get_kind_display()} ({obj.contact_center.name})"


class CampaignForm(ServiceForm):
    WEEKDAYS: Mapping[int, str | Promise] = {number + 1: name for number, name in WEEKDAYS.items()}

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days of week"),
        coerce=int,
        choices=list(WEEKDAYS.items()),
        initial=[1, 2, 3, 4, 5],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(attrs={"class": "d-weekdays"}),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), widget=UnfoldAdminSelect2Widget)
    queue = QueueField(label=_("Queue"), queryset=Queue.objects.none(), widget=QueueSelect)
    default_country = forms.ChoiceField(
        label=_("Default country"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("National numbers in the lists of leads become numbers of this country."),
    )

    class Meta:
        model = Campaign
        fields = [
            "name",
            "description",
            "group",
            "start_date",
            "end_date",
            "start_time",
            "end_time",
            "weekdays",
            "time_zone",
            "type",
            "queue",
            "weight",
            "pilot_number",
            "max_attempts",
            "retry_delay",
            "ring_timeout",
            "caller_name",
            "caller_number",
            "caller_private",
            "default_country",
            "amd_enabled",
            "amd_profile",
            "amd_silence_is",
            "amd_longest_analysis",
            "amd_shortest_call",
            "early_end",
            "dnc_service",
        ]
        widgets = {
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "start_time": UnfoldAdminSingleTimeWidget(format="%H:%M"),
            "end_time": UnfoldAdminSingleTimeWidget(format="%H:%M"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = dict(self.fields)
        if weekdays := fields.get("weekdays"):
            weekdays.choices = list(self.WEEKDAYS.items())
        if zone := fields.get("time_zone"):
            zone.choices = time_zones()
            zone.initial = settings.TIME_ZONE
        if country := fields.get("default_country"):
            country.choices = [("", _("None: numbers are dialed as they stand")), *countries()]
        if queue := fields.get("queue"):
            queue.queryset = scope.visible(self.actor, Queue.objects.select_related("contact_center"))
        if service := fields.get("dnc_service"):
            service.empty_label = _("None: no list is asked")
        if group := fields.get("group"):
            self._offer_groups(group)
        for name, words in self.HINTS.items():
            if name in fields and not fields[name].help_text:
                fields[name].help_text = words

    HINTS: Mapping[str, Promise] = {
        "pilot_number": _(
            "Answered calls are transferred to this number; the chosen queue must be behind it."
        ),
        "max_attempts": _("1 to 100 calls to a lead."),
        "retry_delay": _("1 to 1440 minutes, counted from the end of the call."),
        "ring_timeout": _("5 to 120 seconds."),
    }

    def _offer_groups(self, field: Any) -> None:
        """Enabled groups of the actor; the campaign's own stays, disabled or not (G 6.3)."""
        own = scope.groups_where(self.actor, Action.CHANGE, Campaign)
        offered = Q(enabled=True, pk__in=own)
        if not self.is_new:
            offered |= Q(pk=self.instance.group_id)
        field.queryset = DialerGroup.objects.filter(offered)
        if self.is_new and field.queryset.count() == 1:
            field.initial = field.queryset.get()

    def write(self, fields: dict[str, Any]) -> Campaign:
        if self.is_new:
            return services.create_campaign(self.actor, **fields)
        return services.update_campaign(self.actor, self.instance, **fields)
