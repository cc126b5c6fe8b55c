"""`manage.py translations`: adds new strings to the catalogues, compiles them, and says what is missing."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dialer_project import translations


class Command(BaseCommand):
    help = "Adds new strings to locale/*/LC_MESSAGES/django.po and compiles them; --check only looks."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing, fail when a translation is missing or not compiled",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        languages = [code for code, _name in settings.LANGUAGES if code != "en"]
        wrong = 0
        for language in languages:
            compiled = translations.po_file(language).with_suffix(".mo")
            if not options["check"]:
                translations.update(language)
                compiled.write_bytes(translations.compile_catalogue(language))
            elif compiled.read_bytes() != translations.compile_catalogue(language):
                raise CommandError(f"{compiled} is not of its source: run `manage.py translations`.")
            for (_context, message, _plural), place in translations.missing(language).items():
                self.stderr.write(f"{language}: no translation of {message!r} ({place})")
                wrong += 1
        if wrong:
            raise CommandError(
                f"{wrong} translations are missing: add them to locale/*/LC_MESSAGES/django.po."
            )
        self.stdout.write("Every string has its translation.")
