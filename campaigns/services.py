"""What people do to campaigns and schedules. Admin, API and commands call these, so each rule holds everywhere.

`actor` is the user; None is the operator at the shell, who is bound by the states but not by roles.
Refusals are ValidationErrors (in the user's words, with the field) and PermissionDenied.
"""

from datetime import date, time
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, scope
from accounts.models import Change, User
from accounts.scope import Action
from campaigns import calendar, deletion, lifecycle, tasks
from campaigns.models import Campaign, Schedule
from leads import pool
from leads.models import CallAttempt
from leads.phone_numbers import is_country

CALENDAR_FIELDS = frozenset({"start_date", "end_date", "start_time", "end_time", "weekdays", "time_zone"})
"""Set at creation; afterwards dates and hours change through the schedules (G 6.4)."""

SETTINGS_FIELDS = frozenset(
    {
        "name",
        "description",
        "group",
        "pilot_number",
        "max_attempts",
        "retry_delay",
        "type",
        "queue",
        "weight",
        "amd_enabled",
        "amd_profile",
        "amd_silence_is",
        "amd_longest_analysis",
        "amd_shortest_call",
        "early_end",
        "dnc_service",
        "default_country",
        "ring_timeout",
        "caller_name",
        "caller_number",
        "caller_private",
    }
)


@transaction.atomic
def create_campaign(actor: User | None, **fields: Any) -> Campaign:
    """Writes the campaign and one schedule for each of its days."""
    if actor is not None:
        scope.require(actor, Action.ADD, Campaign)
    campaign = Campaign(**fields, created_by=actor)
    check_settings(actor, campaign)
    days = calendar.campaign_days(campaign.start_date, campaign.end_date, campaign.weekdays)
    if not days:
        raise ValidationError(
            {"weekdays": _("None of the chosen days of week lies between the first and the last day.")}
        )
    campaign.save()
    Schedule.objects.bulk_create(
        _schedule(campaign, day, campaign.start_time, campaign.end_time) for day in days
    )
    audit.created(actor, campaign)
    return campaign


@transaction.atomic
def update_campaign(actor: User | None, campaign: Campaign, **changes: Any) -> Campaign:
    """Changes settings of a stopped campaign; a new maximum of attempts counts for all its leads at once."""
    current = _stopped(actor, Action.CHANGE, campaign)
    if unknown := changes.keys() - SETTINGS_FIELDS:
        raise ValidationError({name: _("This can't be changed here.") for name in unknown})
    was, before = audit.state(current), (current.group_id, current.max_attempts)
    for name, value in changes.items():
        setattr(current, name, value)
    check_settings(actor, current, moved=current.group_id != before[0])
    current.save()
    audit.changed(actor, current, was)
    if current.max_attempts != before[1]:
        pool.apply_max_attempts(current.pk, current.max_attempts)
    if current.group_id != before[0]:
        CallAttempt.objects.filter(campaign=current).update(group=current.group)
    return current


def check_settings(actor: User | None, campaign: Campaign, *, moved: bool = True) -> None:
    """Raises a ValidationError that names each wrong field; `moved`: the group is new to the campaign."""
    errors: dict[str, str] = {}
    try:
        campaign.full_clean(validate_constraints=False)
        campaign.validate_unique()
    except ValidationError as error:
        errors = {field: " ".join(messages) for field, messages in error.message_dict.items()}
    if not errors:
        if campaign.end_date < campaign.start_date:
            errors["end_date"] = _("The last day lies before the first day.")
        elif campaign.end_date - campaign.start_date > calendar.LONGEST:
            errors["end_date"] = _("A campaign can last ten years at most.")
        for field in ("start_date", "end_date"):
            if not calendar.FIRST_DAY <= getattr(campaign, field) <= calendar.LAST_DAY:
                errors[field] = _("Use a day of the years 2000 to 2199.")
        if campaign.end_time <= campaign.start_time:
            errors["end_time"] = _("The end must be later than the start, on the same day.")
        if not campaign.weekdays:
            errors["weekdays"] = _("Choose at least one day of the week.")
        if not calendar.is_time_zone(campaign.time_zone):
            errors["time_zone"] = _("%(name)s is not a time zone; use a name as America/Sao_Paulo.") % {
                "name": campaign.time_zone
            }
        if campaign.default_country and not is_country(campaign.default_country):
            errors["default_country"] = _("%(code)s is not the ISO code of a country, as BR or PT.") % {
                "code": campaign.default_country
            }
        if campaign.queue.kind != campaign.type:
            errors["queue"] = _("The queue does not fit the campaign's type.")
        if moved and not campaign.group.enabled:
            errors["group"] = _("The group is disabled.")
        elif moved and actor is not None and not _works_in(actor, campaign.group_id):
            errors["group"] = _("You are not in this group.")
    if errors:
        raise ValidationError(dict(errors))


def _works_in(actor: User, group_id: int) -> bool:
    return scope.groups_where(actor, Action.CHANGE, Campaign).filter(content_object=group_id).exists()


def start_campaign(actor: User | None, campaign: Campaign) -> bool:
    """STOPPED -> STARTED; today's schedule opens at once when it is due. Raises with all the reasons against.

    False: somebody else has started it before.
    """
    if actor is not None:
        scope.require(actor, Action.OPERATE, campaign)
    campaign.refresh_from_db(fields=["state"])
    if campaign.is_started:
        return False
    with transaction.atomic():
        if obstacles := lifecycle.start_obstacles(campaign, timezone.now()):
            raise ValidationError(obstacles)
        started = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.STOPPED).update(
            state=Campaign.State.STARTED
        )
        if started:
            lifecycle.after_start(campaign.pk)
            audit.noted(actor, campaign, Change.Action.STARTED)
    campaign.refresh_from_db(fields=["state"])
    return bool(started)


def stop_campaign(actor: User | None, campaign: Campaign) -> bool:
    """STARTED -> STOPPED, effective within a second (I6). False: it was stopped before, which changes nothing."""
    if actor is not None:
        scope.require(actor, Action.OPERATE, campaign)
    stopped = lifecycle.stop(campaign.pk)
    if stopped:
        audit.noted(actor, campaign, Change.Action.STOPPED)
    campaign.refresh_from_db(fields=["state"])
    return stopped


@transaction.atomic
def delete_campaign(actor: User | None, campaign: Campaign) -> bool:
    """Deletes a stopped campaign with its schedules, leads and uploads; call records stay (SPEC 4).

    True: it is gone. False: it is large, and goes in the background.
    """
    current = _stopped(actor, Action.DELETE, campaign)
    audit.deleted(actor, current)
    if deletion.is_small(current):
        deletion.remove(current)
        return True
    deletion.begin(current)
    transaction.on_commit(tasks.ask_for_deletion)
    return False


@transaction.atomic
def add_schedule(actor: User | None, campaign: Campaign, day: date, start: time, end: time) -> Schedule:
    """Adds one day to a stopped campaign."""
    current = _stopped(actor, Action.CHANGE, campaign)
    if not calendar.FIRST_DAY <= day <= calendar.LAST_DAY:
        raise ValidationError({"date": _("Use a day of the years 2000 to 2199.")})
    schedule = _schedule(current, day, start, end)
    _check_schedule(schedule)
    if Schedule.objects.filter(campaign=current, date=day).exists():
        raise ValidationError({"date": _("The campaign has a schedule on this day already.")})
    schedule.save()
    audit.created(actor, schedule)
    return schedule


@transaction.atomic
def change_schedule(actor: User | None, schedule: Schedule, start: time, end: time) -> Schedule:
    """New hours for a day that is not over."""
    campaign = _stopped(actor, Action.CHANGE, schedule.campaign)
    current = Schedule.objects.get(pk=schedule.pk)
    if current.closes_at <= timezone.now():
        raise ValidationError(_("This schedule is over and can't be changed."))
    changed = _schedule(campaign, current.date, start, end)
    _check_schedule(changed)
    changed.pk, changed.state = current.pk, Schedule.State.NOT_RUNNING
    changed.save()
    audit.changed(actor, changed, audit.state(current))
    return changed


@transaction.atomic
def change_remaining_schedules(
    actor: User | None, campaign: Campaign, start: time, end: time, *, seen: str = ""
) -> int:
    """New hours for today's schedule (if not over) and all later ones; returns how many changed (SPEC 5).

    `seen`: `calendar_seen` as the actor had it; StaleError when somebody else has changed a day since.
    """
    _stopped(actor, Action.CHANGE, campaign)
    if seen and seen != calendar_seen(campaign):
        raise audit.StaleError
    remaining = Schedule.objects.filter(campaign=campaign, closes_at__gt=timezone.now())
    return len([change_schedule(actor, schedule, start, end) for schedule in remaining])


def calendar_seen(campaign: Campaign) -> str:
    """The same as long as nobody adds, changes or removes a day of the campaign."""
    return audit.fingerprint(*Schedule.objects.filter(campaign=campaign).order_by("pk"))


@transaction.atomic
def remove_schedule(actor: User | None, schedule: Schedule) -> None:
    """Takes a day out of a stopped campaign."""
    _stopped(actor, Action.CHANGE, schedule.campaign)
    audit.deleted(actor, schedule)
    schedule.delete()


def _schedule(campaign: Campaign, day: date, start: time, end: time) -> Schedule:
    opens_at, closes_at = calendar.opening(day, start, end, campaign.zone)
    return Schedule(
        campaign=campaign, date=day, start_time=start, end_time=end, opens_at=opens_at, closes_at=closes_at
    )


def _check_schedule(schedule: Schedule) -> None:
    if schedule.end_time <= schedule.start_time:
        raise ValidationError({"end_time": _("The end must be later than the start, on the same day.")})


def _stopped(actor: User | None, action: Action, campaign: Campaign) -> Campaign:
    """The campaign, locked, after the checks that every change shares."""
    if actor is not None:
        scope.require(actor, action, campaign)
    # an import that is under way holds the campaign against deletion, and against nothing else
    locked = Campaign.objects.select_for_update(no_key=action != Action.DELETE)
    current = locked.filter(pk=campaign.pk).first()
    if current is None:
        raise PermissionDenied(_("The campaign does not exist any more."))
    if current.is_being_deleted:
        raise ValidationError(_("The campaign is being deleted."))
    if current.is_started:
        raise ValidationError(_("The campaign is started. Stop it first."))
    return current
