"""The demo's data: made once, found again, and a finished campaign is followed by the next."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from django.contrib.auth import authenticate

from accounts.models import Role, User
from campaigns.services import start_campaign
from dialer_project.demo import data, pbx, people
from dialer_project.demo.live_line import live_line
from dialer_project.demo.pbx import PbxPorts
from dnc.models import DncNumber
from leads.models import Lead
from telephony.demo_pbx.config import DemoPbxConfig
from telephony.models import DialerPort
from tests.factories import embedded_dnc

PORTS = PbxPorts(sip=5070, events=9)  # nobody listens there, also while a demo runs on this machine

pytestmark = pytest.mark.django_db


def test_each_role_can_sign_in_and_the_passwords_stay(tmp_path: Path) -> None:
    group = data.make_group()
    first = people.make_users(group, tmp_path)
    assert [User.objects.get(username=one.username).role for one in first] == list(Role)
    for one in first:
        assert authenticate(username=one.username, password=one.password)
    assert people.make_users(data.make_group(), tmp_path) == first
    assert (tmp_path / "demo-passwords.json").stat().st_mode & 0o077 == 0


def test_a_user_who_was_there_before_keeps_their_password(tmp_path: Path) -> None:
    User.objects.create_user("master", "my own pass phrase", first_name="A", last_name="B", role=Role.MASTER)
    sign_in = people.make_users(data.make_group(), tmp_path)[0]
    assert (sign_in.username, sign_in.password) == ("master", "")
    assert authenticate(username="master", password="my own pass phrase")


def test_the_lead_file_has_every_kind_of_customer_and_mostly_people() -> None:
    with data.LEADS.open(newline="") as file:
        rows = list(csv.reader(file))
    kinds = Counter(number[-1] for _name, number in rows)
    assert len(rows) == len({number for _name, number in rows}) == 200
    assert set(kinds) == set("0123456789")
    assert kinds["0"] + kinds["9"] > 100
    assert set("0123456789") == {number[-1] for _name, number in rows[:13]}


def test_the_campaign_has_its_leads_and_starts(tmp_path: Path) -> None:
    embedded_dnc()
    group = data.make_group()
    people.make_users(group, tmp_path)
    sales, _ivr = pbx.make_rows(PORTS)
    listed = data.list_numbers()
    campaign = data.make_campaign(group, sales)
    start_campaign(None, campaign)

    assert campaign.leads.count() == 200
    assert campaign.schedules.count() == data.DAYS
    assert campaign.created_by == User.objects.get(username="administrator")
    numbers = [int(number) for number in campaign.leads.values_list("phone_number", flat=True)]
    assert DncNumber.objects.filter(number__in=numbers).count() == 200 // data.LISTED_EVERY
    assert DncNumber.objects.count() == data.list_numbers() == listed
    assert live_line(campaign).startswith(
        "Demo STARTED · 0 calls · agents unknown · 200 leads: not called 200"
    )


def test_a_campaign_goes_on_until_its_leads_are_done_and_then_comes_the_next(tmp_path: Path) -> None:
    embedded_dnc()
    group = data.make_group()
    people.make_users(group, tmp_path)
    sales, _ivr = pbx.make_rows(PORTS)
    first = data.make_campaign(group, sales)
    assert data.current_campaign(group) == first
    Lead.objects.filter(campaign=first).update(pool=Lead.Pool.DONE)
    assert data.current_campaign(group) is None
    assert data.make_campaign(group, sales).name == "Demo 2"


def test_the_ports_follow_the_pbx_and_keep_their_passwords(tmp_path: Path) -> None:
    pbx.make_rows(PORTS)
    before = dict(DialerPort.objects.values_list("extension", "password"))
    pbx.make_rows(PbxPorts(sip=5999, events=5998))
    assert dict(DialerPort.objects.values_list("extension", "password")) == before
    assert set(DialerPort.objects.values_list("registrar_port", flat=True)) == {5999}
    config = DemoPbxConfig.from_file(pbx.write_config(tmp_path, PbxPorts(5999, 5998)))
    assert config.users == before
    assert json.loads((tmp_path / "demo-pbx.json").read_text())["sip_port"] == 5999
