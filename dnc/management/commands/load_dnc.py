"""`manage.py load_dnc FILE [--replace]`: numbers for the embedded do-not-call list, from CSV of millions."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dnc.services import load_numbers
from dnc.uploads import refused_rows

SHOWN_ERRORS = 20


class Command(BaseCommand):
    help = (
        "Load numbers, one a line, into the embedded do-not-call list: all good lines, or none on an error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="text or CSV file; the first column counts")
        parser.add_argument("--replace", action="store_true", help="take off what the file does not have")
        parser.add_argument(
            "--refused", type=Path, metavar="FILE", help="write the wrong lines here, with line and reason"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as lines:
                loaded = load_numbers(None, lines, path.name, replace=options["replace"])
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from None
        wrong = loaded.wrong
        self.stdout.write(
            f"added {loaded.added}, duplicate {loaded.duplicate}, invalid {wrong.count}, removed {loaded.removed}"
        )
        if options["refused"] is not None:
            _write_refused(options["refused"], refused_rows(wrong))
            return
        for line, why, _text in wrong.listed[:SHOWN_ERRORS]:
            self.stderr.write(f"line {line}: {why}")
        if wrong.count > SHOWN_ERRORS:
            self.stderr.write(f"and {wrong.count - SHOWN_ERRORS} more; --refused FILE keeps all of them")


def _write_refused(path: Path, rows: str) -> None:
    try:
        path.write_text(rows, encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(
            f"The numbers are loaded, but {path} can't be written: {error.strerror}."
        ) from None
