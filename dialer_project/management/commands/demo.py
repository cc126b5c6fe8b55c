"""`manage.py demo`: the product, a demo PBX and a running campaign, until Ctrl-C."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from dialer_project.demo.run import Demo
from dialer_project.processes.progress import Progress


class Command(BaseCommand):
    help = "Starts the dialer with a demo PBX, users of the four roles and a campaign of 200 leads that runs."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(Demo(Progress()).run())
