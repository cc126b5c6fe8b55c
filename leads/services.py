"""What people do to leads. `actor` None is the operator at the shell."""

import csv
import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from leads import lead_file, pool
from leads.models import FINAL_STATUSES, Lead, LeadStatus, LeadUpload
from leads.phone_numbers import InvalidNumberError, normalise

if TYPE_CHECKING:
    from campaigns.models import Campaign

_STAGE = """
CREATE TEMPORARY TABLE lead_stage (
    line integer NOT NULL, name text NOT NULL, phone_number text NOT NULL, description text NOT NULL
) ON COMMIT DROP
"""
_INSERT = """
INSERT INTO leads_lead (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)
SELECT %s, name, description, phone_number, 0, 'NOT_CALLED', 'WAITING', now()
FROM (SELECT DISTINCT ON (phone_number) * FROM lead_stage ORDER BY phone_number, line) AS once
ORDER BY line
ON CONFLICT (campaign_id, phone_number) DO NOTHING
"""
_DUPLICATES = """
WITH first AS (SELECT phone_number, min(line) AS line FROM lead_stage GROUP BY phone_number)
SELECT s.line, s.name, s.phone_number, first.line, l.id IS NOT NULL
FROM lead_stage s
JOIN first USING (phone_number)
LEFT JOIN leads_lead l ON l.campaign_id = %s AND l.phone_number = s.phone_number
WHERE s.line > first.line OR l.id IS NOT NULL
ORDER BY s.line
"""


@transaction.atomic
def import_leads(
    actor: User | None, campaign: "Campaign", stream: IO[bytes], file_name: str = "leads.csv"
) -> LeadUpload:
    """Adds the leads of a file: all good rows or, on an error or a crash, none.

    Wrong and duplicate rows are refused one by one and kept with line number and reason in the upload.
    Raises ValidationError when the file can't be read or the campaign is started.
    """
    _check_campaign(actor, Action.ADD, campaign)
    found = lead_file.recognise(stream)
    refused = io.StringIO(newline="")
    report = csv.writer(refused)
    report.writerow([_("line"), _("reason"), _("row")])
    upload = LeadUpload(campaign=campaign, file_name=file_name[:255], uploaded_by=actor)
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy("COPY lead_stage (line, name, phone_number, description) FROM STDIN") as copy:
            for row in _good_rows(found, campaign.default_country, upload, report):
                copy.write_row(row)
        cursor.execute(_DUPLICATES, [campaign.pk])
        for line, name, number, first, known in cursor.fetchall():
            upload.duplicate += 1
            again = _("the number stands in line %(line)d too") % {"line": first}
            report.writerow([line, _("the campaign has this number") if known else again, name, number])
        cursor.execute(_INSERT, [campaign.pk])
        upload.added = cursor.rowcount
        cursor.execute("DROP TABLE lead_stage")
    upload.refused_rows = refused.getvalue() if upload.duplicate or upload.invalid else ""
    upload.save()
    return upload


def _good_rows(
    found: lead_file.LeadFile, country: str, upload: LeadUpload, report: Any
) -> Iterator[tuple[int, str, str, str]]:
    columns = found.columns
    for row in found.rows():
        try:
            cells = [cell.strip() for cell in row.cells]
            if len(cells) <= max(columns.name, columns.number):
                raise InvalidNumberError(_("name and phone number are needed, separated by a comma"))
            name, number = cells[columns.name], normalise(cells[columns.number], country)
            if "\x00" in "".join(cells):
                raise InvalidNumberError(_("the row has a zero byte"))
            if not name:
                raise InvalidNumberError(_("the name is missing"))
            if len(name) > 200:
                raise InvalidNumberError(_("the name is longer than 200 characters"))
        except InvalidNumberError as error:
            upload.invalid += 1
            kept = [text.replace("\x00", "\ufffd") for text in (str(error), *row.cells)]
            report.writerow([row.line, kept[0], *(cell[:200] for cell in kept[1:])])
            continue
        at = columns.description
        description = cells[at][:500] if at is not None and at < len(cells) else ""
        yield row.line, name, number, description


@transaction.atomic
def add_lead(
    actor: User | None, campaign: "Campaign", *, name: str, phone_number: str, description: str = ""
) -> Lead:
    """Adds one lead to a stopped campaign."""
    _check_campaign(actor, Action.ADD, campaign)
    number = _free_number(campaign, phone_number)
    lead = Lead(campaign=campaign, name=name, description=description, phone_number=number)
    lead.full_clean(exclude=["campaign"])
    lead.save()
    return lead


@transaction.atomic
def update_lead(actor: User | None, lead: Lead, *, name: str, description: str, phone_number: str) -> Lead:
    """Changes a lead of a stopped campaign; a lead with a new number is called anew."""
    _check_campaign(actor, Action.CHANGE, lead.campaign)
    current = Lead.objects.select_for_update().get(pk=lead.pk)
    number = current.phone_number  # digits already: reading them as a national number would change them
    if phone_number != number:
        number = _free_number(lead.campaign, phone_number, lead)
    if number != current.phone_number and current.status in FINAL_STATUSES:
        current.status = LeadStatus.NOT_CALLED
        current.pool = pool.after_attempt(current.status, current.attempts, lead.campaign.max_attempts)
    current.name, current.description, current.phone_number = name, description, number
    current.full_clean(exclude=["campaign"])
    current.save()
    return current


@transaction.atomic
def remove_lead(actor: User | None, lead: Lead) -> None:
    """Removes a lead of a stopped campaign; its call records stay."""
    _check_campaign(actor, Action.DELETE, lead.campaign)
    lead.delete()


def _free_number(campaign: "Campaign", text: str, lead: Lead | None = None) -> str:
    """The digits of `text`, which no other lead of the campaign has."""
    try:
        number = normalise(text, campaign.default_country)
    except InvalidNumberError as error:
        raise ValidationError({"phone_number": str(error)}) from error
    owner = Lead.objects.filter(campaign=campaign, phone_number=number).first()
    if owner is not None and owner != lead:
        raise ValidationError({"phone_number": _("The campaign has this number already.")})
    return number


def _check_campaign(actor: User | None, action: Action, campaign: "Campaign") -> None:
    if actor is not None:
        scope.require(actor, Action.OPERATE, campaign)
        scope.require(actor, action, Lead)
    state = type(campaign).objects.select_for_update().values_list("state", flat=True).get(pk=campaign.pk)
    if state != "STOPPED":
        raise ValidationError(_("The campaign is started. Stop it first."))
