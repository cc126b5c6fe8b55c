"""Lists of several pages: of each kind so many rows, alike in nearly everything they can be sorted by."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from accounts import audit
from accounts.models import Change, Role, SignInLock, User
from campaigns.models import Campaign, Schedule
from dnc.models import DncNumber, DncRemoval, DncService, DncUpload
from groups.models import DialerGroup
from leads.models import CallAttempt, Lead, LeadStatus, LeadUpload
from telephony.models import Carrier, ContactCenter, DialerPort, Queue, ResultRule
from tests import factories as make

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)


class ManyRows:
    """`count` rows of each kind, in the one group of `user`; half of the schedules, leads and uploads are of one
    campaign, half of another."""

    def __init__(self, count: int, role: Role) -> None:
        self.count = count
        self.now = timezone.now()
        self.group = make.make_group(name="Group")
        self.user = make.make_user(role, [self.group], username="zoe", first_name="Zoe", last_name="Zen")
        self.queue = make.make_queue(name="sales")
        self.campaigns = [
            make.make_campaign(name=name, started=False, schedule=False, group=self.group, queue=self.queue)
            for name in ("Harvest", "Survey")
        ]

    def fill(self, model: type[Model]) -> None:
        """Makes the rows of `model`, and strews them over the table as changes of every day do: a table that was only
        ever added to is read in one order by chance."""
        kind: Callable[[int], object] = getattr(self, f"_{model._meta.model_name}")
        for number in range(self.count):
            kind(number)
        if model is Change:
            return
        keys = list(model._default_manager.values_list("pk", flat=True))
        random.Random(7).shuffle(keys)
        quoted = connection.ops.quote_name
        table, key = quoted(model._meta.db_table), quoted(str(model._meta.pk.column))
        with connection.cursor() as cursor:
            for pk in keys[: len(keys) // 2]:
                cursor.execute(f"UPDATE {table} SET {key} = {key} WHERE {key} = %s", [pk])

    def _in_either(self, number: int) -> Campaign:
        return self.campaigns[number % 2]

    def _user(self, number: int) -> None:
        make.make_user(Role.MANAGER, [self.group], username=f"user{number:03}")

    def _dialergroup(self, number: int) -> None:
        make.put_into_groups(
            self.user, make.make_group(name=f"North {number:03}", description="Cold" if number == 5 else "")
        )

    def _campaign(self, number: int) -> None:
        make.make_campaign(
            name=f"Spring {number:03}", started=False, schedule=False, group=self.group, queue=self.queue,
            start_date=DAY, end_date=DAY, description="Renewal" if number % 3 else "",
        )  # fmt: skip

    def _schedule(self, number: int) -> None:
        day = DAY + timedelta(days=number // 2)
        opens = datetime.combine(day, time(8), UTC)
        make.make_schedule(
            self._in_either(number), opens_at=opens, date=day, state=Schedule.State.NOT_RUNNING
        )

    def _lead(self, number: int) -> None:
        self._person(number)

    def _leadupload(self, number: int) -> None:
        upload = LeadUpload.objects.create(campaign=self._in_either(number), file_name=_file_name(number))
        LeadUpload.objects.filter(pk=upload.pk).update(uploaded_at=AT)

    def _callattempt(self, number: int) -> None:
        make.make_attempt(
            self._person(number), state="ENDED", result="BUSY", claimed_at=AT, ended_at=AT, sip_code=486
        )

    def _person(self, number: int) -> Lead:
        return make.make_lead(
            self._in_either(number), name="Mary" if number % 5 else "Peter", next_attempt_at=AT,
            phone_number=f"5541{7 + number // 2 % 2}0000{number:03}",
        )  # fmt: skip

    def _dncnumber(self, number: int) -> None:
        DncNumber.objects.create(number=5541000000 + number * 3, reason="asked")
        DncNumber.objects.update(added_at=AT)

    def _dncremoval(self, number: int) -> None:
        DncRemoval.objects.create(
            number=5541000000 + number // 2 * 5, reason="typed wrong" if number % 3 else "moved"
        )
        DncRemoval.objects.update(removed_at=AT)

    def _dncservice(self, number: int) -> None:
        DncService.objects.create(name=f"Registry {number:03}", url="https://dnc.example.org")

    def _dncupload(self, number: int) -> None:
        upload = DncUpload.objects.create(file_name=_file_name(number), uploaded_by=self.user)
        DncUpload.objects.filter(pk=upload.pk).update(uploaded_at=AT)

    def _carrier(self, number: int) -> None:
        Carrier.objects.create(name=f"Carrier {number:03}")

    def _dialerport(self, number: int) -> None:
        make.make_port(
            extension=str(7000 + number // 2), registrar_host=f"pbx{number % 2}.example.org",
            second_registrar_host="" if number % 4 else "spare.example.org",
        )  # fmt: skip

    def _contactcenter(self, number: int) -> None:
        make.make_contact_center(name=f"Centre {number:03}")

    def _queue(self, number: int) -> None:
        make.make_queue(
            name="support" if number % 4 else "survey", pilot_number="8000" if number % 3 else "8099",
            contact_center=make.make_contact_center(),
        )  # fmt: skip

    def _resultrule(self, number: int) -> None:
        ResultRule.objects.create(
            sip_code=670 + number // 2, q850_cause=17 + number % 2, result=LeadStatus.BUSY
        )

    def _change(self, number: int) -> None:
        port = make.make_port(extension=f"x{number}", registrar_host="pbx.example.org")
        if number == 7:
            port.extension = "extra"
        audit.created(self.user if number % 3 else None, port)
        port.history.update(history_date=AT)

    def _signinlock(self, number: int) -> None:
        SignInLock.objects.create(
            username=f"guess{number // 2}", ip_address="198.51.100.1" if number % 4 == 0 else "203.0.113.9", user_agent=f"browser {number}",
            failures_since_start=1, get_data="", post_data="",
        )  # fmt: skip
        SignInLock.objects.update(attempt_time=self.now)  # older ones are forgotten


def _file_name(number: int) -> str:
    return "leads.csv" if number % 4 else "autumn.csv"


ROLE_OF: dict[type[Model], Role] = {
    User: Role.MASTER, DialerGroup: Role.MASTER, Change: Role.MASTER, SignInLock: Role.MASTER,
    Campaign: Role.CAMPAIGN_ADMINISTRATOR, Schedule: Role.CAMPAIGN_ADMINISTRATOR, Lead: Role.CAMPAIGN_ADMINISTRATOR,
    LeadUpload: Role.CAMPAIGN_ADMINISTRATOR, CallAttempt: Role.CAMPAIGN_ADMINISTRATOR,
    DncNumber: Role.MASTER, DncRemoval: Role.MASTER, DncService: Role.MASTER, DncUpload: Role.MASTER,
    Carrier: Role.MASTER, DialerPort: Role.MASTER, ContactCenter: Role.MASTER, Queue: Role.MASTER,
    ResultRule: Role.MASTER,
}  # fmt: skip
"""Every kind that has a list, and a role that reads it."""


def once_each(rows: Iterator[Any]) -> list[Any]:
    """The rows as a list; fails when one comes twice."""
    found = list(rows)
    twice = sorted({str(row) for row in found if found.count(row) > 1})
    assert not twice, f"on two pages: {twice}"
    return found


Says = Callable[[Any], bool]


def _begins(name: str, text: str) -> Says:
    return lambda row: str(getattr(row, name)).startswith(text)


def _is(name: str, value: object) -> Says:
    return lambda row: bool(getattr(row, name) == value)


FOUND_BY: dict[type[Model], dict[str, Says]] = {
    User: {"user01": _begins("username", "user01"), "ana": _is("first_name", "Ana"), "ZEN": _is("last_name", "Zen")},
    DialerGroup: {"north 011": _is("name", "North 011"), "cold": _is("description", "Cold")},
    Change: {"extra": _is("object_name", "extra@pbx.example.org"), "zoe": _is("actor_name", "zoe")},
    SignInLock: {"guess1": _begins("username", "guess1"), "198.51": _begins("ip_address", "198.51")},
    Campaign: {"spring 011": _is("name", "Spring 011"), "renewal": _is("description", "Renewal")},
    Schedule: {"harvest": lambda schedule: schedule.campaign.name == "Harvest"},
    Lead: {"peter": _is("name", "Peter"), "mary": _is("name", "Mary"), "+55 41 7": _begins("phone_number", "55417")},
    LeadUpload: {"autumn": _is("file_name", "autumn.csv")},
    CallAttempt: {"peter": _is("lead_name", "Peter"), "(41) 7": _begins("phone_number", "55417")},
    DncNumber: {"554100001": _begins("number", "554100001"), "+55 41 0000 2": _begins("number", "554100002")},
    DncRemoval: {"554100001": _begins("number", "554100001"), "wrong typed": _is("reason", "typed wrong")},
    DncService: {"registry 011": _is("name", "Registry 011")},
    DncUpload: {"autumn": _is("file_name", "autumn.csv")},
    Carrier: {"carrier 011": _is("name", "Carrier 011")},
    DialerPort: {
        "7003": _is("extension", "7003"), "pbx1": _begins("registrar_host", "pbx1"),
        "spare": _begins("second_registrar_host", "spare"),
    },
    ContactCenter: {"centre 011": _is("name", "Centre 011")},
    Queue: {"support": _is("name", "support"), "8099": _is("pilot_number", "8099")},
    ResultRule: {"675": _is("sip_code", 675)},
}  # fmt: skip
"""What people type into the search field of each list, and which rows they mean by it."""
