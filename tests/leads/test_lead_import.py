"""Uploading leads: good rows are kept, wrong rows are named, all or nothing (SPEC 6)."""

import csv
import io
import random
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import Role
from leads import lead_load, services, uploads
from leads.models import CallAttempt, Lead, LeadStatus, LeadUpload
from tests.factories import make_attempt, make_campaign, make_lead, make_user

pytestmark = pytest.mark.django_db


def upload(data: bytes | str, **campaign: Any) -> LeadUpload:
    content = data.encode() if isinstance(data, str) else data
    target = make_campaign(started=False, **campaign)
    return uploads.import_leads(None, target, io.BytesIO(content))


def leads() -> list[tuple[str, str, str]]:
    return list(Lead.objects.order_by("id").values_list("name", "phone_number", "description"))


def counts(upload: LeadUpload) -> tuple[int, int, int]:
    return upload.added, upload.duplicate, upload.invalid


def test_the_guides_file_name_and_number_without_a_header() -> None:
    done = upload("Mary Silvester,554183015031\nJohn Doe, 554183015032\r\n")
    assert counts(done) == (2, 0, 0)
    assert leads() == [("Mary Silvester", "554183015031", ""), ("John Doe", "554183015032", "")]
    assert done.refused_rows == ""
    lead = Lead.objects.first()
    assert lead
    assert (lead.status, lead.pool, lead.attempts) == (LeadStatus.NOT_CALLED, Lead.Pool.WAITING, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_recognised(encoding: str, delimiter: str) -> None:
    text = delimiter.join(["João Conceição", "554183015031", "cliente"]) + "\n"
    assert counts(upload(text.encode(encoding))) == (1, 0, 0)
    assert leads() == [("João Conceição", "554183015031", "cliente")]


def test_a_header_says_where_the_columns_are() -> None:
    done = upload("Phone;Description;Name\n+55 41 8301-5031;VIP;Ana\n")
    assert counts(done) == (1, 0, 0)
    assert leads() == [("Ana", "554183015031", "VIP")]


def test_quotes_with_commas_and_line_breaks() -> None:
    upload('"Silvester, Mary",554183015031\n"two\nlines",554183015032\n')
    assert [name for name, _, _ in leads()] == ["Silvester, Mary", "two\nlines"]


def test_wrong_rows_are_refused_by_line_and_reason_and_the_good_ones_stay() -> None:
    done = upload(
        "A,554183015031\nB,\nC\n\nD,not a number\n,554183015034\nE,554183015035\nF,55418301503512345\n"
    )
    assert counts(done) == (2, 0, 5)
    rows = list(csv.reader(io.StringIO(done.refused_rows)))
    assert [row[0] for row in rows[1:]] == ["2", "3", "5", "6", "8"]
    assert all(row[1] for row in rows)
    assert rows[3][2:] == ["D", "not a number"]


def test_duplicates_in_the_file_and_in_the_campaign_are_not_added_twice() -> None:
    campaign = make_campaign(started=False)
    make_lead(campaign, name="There already", phone_number="554183015030")
    data = b"A,554183015030\nB,554183015031\nC,+55 41 8301-5031\n"
    done = uploads.import_leads(None, campaign, io.BytesIO(data))
    assert counts(done) == (1, 2, 0)
    rows = list(csv.reader(io.StringIO(done.refused_rows)))[1:]
    assert [row[0] for row in rows] == ["1", "3"]
    assert "line 2" in rows[1][1]
    assert counts(uploads.import_leads(None, campaign, io.BytesIO(data))) == (0, 3, 0)
    assert Lead.objects.count() == 2


@pytest.mark.parametrize("bits", [3, 24])
@pytest.mark.parametrize("has_leads", [False, True])
def test_every_row_is_a_lead_or_told_with_the_first_line_of_its_number(
    monkeypatch: pytest.MonkeyPatch, bits: int, has_leads: bool
) -> None:
    """Over many blocks, whichever numbers PostgreSQL has to look for."""
    monkeypatch.setattr(lead_load, "_BLOCK", 7)
    monkeypatch.setattr(lead_load, "_FILTER_BITS", bits)
    campaign = make_campaign(started=False)
    known = {f"55418301{n:04}" for n in range(0, 40, 5)} if has_leads else set()
    for number in known:
        make_lead(campaign, phone_number=number)
    picks = random.Random(5)
    numbers = [f"55418301{picks.randrange(120):04}" for _ in range(300)]
    file = "".join(f'"Name \\ {n}","{number}"\n' for n, number in enumerate(numbers))
    done = uploads.import_leads(None, campaign, io.BytesIO(file.encode()))

    first: dict[str, int] = {}
    added, refused = [], []
    for line, number in enumerate(numbers, 1):
        first.setdefault(number, line)
        if number in known:
            refused.append([str(line), "the campaign has this number", f"Name \\ {line - 1}", number])
        elif first[number] < line:
            reason = f"the number stands in line {first[number]} too"
            refused.append([str(line), reason, f"Name \\ {line - 1}", number])
        else:
            added.append((f"Name \\ {line - 1}", number, ""))
    assert counts(done) == (len(added), len(refused), 0)
    assert leads()[len(known) :] == added
    assert list(csv.reader(io.StringIO(done.refused_rows)))[1:] == refused


def test_national_numbers_take_the_campaigns_default_country() -> None:
    upload("A,(41) 98301-5031\n", default_country="BR")
    assert leads() == [("A", "5541983015031", "")]


@pytest.mark.parametrize(
    "data", [b"", b"  \n\n", b"PK\x03\x04\x00\x00\x08\x00", b"A,554183015031\n" + b"x" * 200_000]
)
def test_a_file_that_can_not_be_read_adds_nothing(data: bytes) -> None:
    with pytest.raises(ValidationError):
        upload(data)
    assert not Lead.objects.exists()
    assert not LeadUpload.objects.exists()


def test_long_and_strange_names_are_refused_or_kept_whole() -> None:
    done = upload("N" * 10_000 + ",554183015031\n=cmd|' /C calc'!A0,554183015032\n<b>x</b>,554183015033\n")
    assert counts(done) == (2, 0, 1)
    assert leads()[1][0] == "<b>x</b>"


def test_leads_change_only_while_the_campaign_is_stopped() -> None:
    campaign = make_campaign()
    lead = make_lead(campaign)
    with pytest.raises(ValidationError):
        uploads.import_leads(None, campaign, io.BytesIO(b"A,554183015031\n"))
    with pytest.raises(ValidationError):
        services.update_lead(None, lead, name="B", description="", phone_number="554183015031")
    with pytest.raises(ValidationError):
        services.remove_lead(None, lead)


def test_a_lead_is_changed_and_removed_and_its_records_stay() -> None:
    campaign = make_campaign(started=False)
    lead = make_lead(campaign, status=LeadStatus.SUCCESS, pool=Lead.Pool.DONE, attempts=1)
    other = make_lead(campaign)
    attempt = make_attempt(lead)
    changed = services.update_lead(None, lead, name="B", description="d", phone_number="+55 41 8301 5031")
    assert (changed.phone_number, changed.status) == ("554183015031", LeadStatus.NOT_CALLED)
    assert changed.pool == Lead.Pool.WAITING
    with pytest.raises(ValidationError) as error:
        services.update_lead(None, lead, name="B", description="", phone_number=other.phone_number)
    assert "phone_number" in error.value.message_dict
    services.remove_lead(None, lead)
    assert CallAttempt.objects.get(pk=attempt.pk).lead is None


@pytest.mark.parametrize("role", [Role.MASTER, Role.MANAGER, Role.CAMPAIGN_SUPERVISOR])
def test_only_campaign_administrators_of_the_group_upload(role: Role) -> None:
    campaign = make_campaign(started=False)
    for user in (make_user(role, groups=[campaign.group]), make_user()):
        with pytest.raises(PermissionDenied):
            uploads.import_leads(user, campaign, io.BytesIO(b"A,554183015031\n"))
    admin = make_user(groups=[campaign.group])
    assert uploads.import_leads(admin, campaign, io.BytesIO(b"A,554183015031\n")).uploaded_by == admin
