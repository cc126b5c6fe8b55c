"""`manage.py recount`: the kept counts of leads anew, after triggers were not at work or worked twice."""

from typing import Any

from django.core.management.base import BaseCommand

from leads import counts


class Command(BaseCommand):
    help = "Count all leads anew: after pg_restore --data-only, or work on the leads with triggers disabled."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"counted {counts.recount()} leads")
