"""`manage.py import_leads CAMPAIGN FILE`: leads from a CSV file, as the upload page does it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from leads.models import LeadUpload
from leads.uploads import import_leads


class Command(BaseCommand):
    help = "Add the leads of a CSV file (name, phone number) to a stopped campaign: all good rows, or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", help="name or id of the campaign")
        parser.add_argument("file", type=Path, help="CSV file")
        parser.add_argument(
            "--refused", type=Path, metavar="FILE", help="write the refused rows here, with line and reason"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = _campaign(options["campaign"])
        path: Path = options["file"]
        try:
            with path.open("rb") as stream:
                upload = import_leads(None, campaign, stream, path.name)
        except ValidationError as error:
            raise CommandError(f"{path}: {' '.join(error.messages)}") from None
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from None
        self.stdout.write(f"added {upload.added}, duplicate {upload.duplicate}, invalid {upload.invalid}")
        if options["refused"] is not None:
            _write_refused(options["refused"], upload)


def _campaign(text: str) -> Any:
    campaigns: Any = apps.get_model("campaigns", "Campaign").objects
    campaign = campaigns.filter(name=text).first()
    if campaign is None and text.isascii() and text.isdigit() and len(text) < 19:
        campaign = campaigns.filter(pk=int(text)).first()
    if campaign is None:
        raise CommandError(f"There is no campaign with the name or id “{text}”.")
    return campaign


def _write_refused(path: Path, upload: LeadUpload) -> None:
    try:
        path.write_text(upload.refused_rows, encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(
            f"The leads are imported, but {path} can't be written: {error.strerror}."
        ) from None
