"""`manage.py up`: the product with everything it needs, until Ctrl-C."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from dialer_project.processes.installation import Installation
from dialer_project.processes.progress import Progress


class Command(BaseCommand):
    help = "Starts the dialer: servers (embedded unless DATABASE_URL and REDIS_URL are set), web, engine, workers."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(Installation(Progress()).run())
