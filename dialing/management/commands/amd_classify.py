"""`manage.py amd_classify`: verdicts for sound files, as a live call would get them."""

import csv
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from amd.files import classify, find
from amd.profile import PROFILES


class Command(BaseCommand):
    """Needs neither database nor broker."""

    help = (
        "Say for each WAV file (8 kHz mono; 16 bit, mu-law or A-law; folders are searched) whether a person or a "
        "machine answered. Exit status: 0 all files have a verdict, 1 some were skipped and are named on standard "
        "error, 2 none has one or the arguments are wrong."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--profile", choices=sorted(PROFILES), default="balanced")
        parser.add_argument("--rules", action="store_true", help="leave the trained model out")
        parser.add_argument("--csv", action="store_true", help="a header and comma-separated values")

    def handle(self, *args: Any, **options: Any) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        if options["csv"]:
            writer.writerow(["path", "verdict", "cause", "decision_ms"])
        done = skipped = 0
        for found in classify(find(options["path"]), PROFILES[options["profile"]], options["rules"]):
            if found.verdict is None:
                skipped += 1
                self.stderr.write(f"{found.path} {found.problem}; skipped")
                continue
            done += 1
            verdict = found.verdict
            if options["csv"]:
                writer.writerow([found.path, verdict.label, verdict.cause, verdict.decision_ms])
            else:
                self.stdout.write(
                    f"{found.path}: {verdict.label}, {verdict.cause}, after {verdict.decision_ms / 1000:.2f} s"
                )
        if not done and not skipped:
            self.stderr.write("no WAV file found")
        if not done or skipped:
            sys.exit(1 if done else 2)
