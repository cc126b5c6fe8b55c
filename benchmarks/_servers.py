"""A benchmark's own servers and database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._process import clean_up_when_ended


@contextmanager
def servers(*, broker: bool = False, durable: bool = False) -> Iterator[Path]:
    """PostgreSQL with all tables, Valkey too with `broker`, and Django set up; yields the servers' folder.

    `durable`: commits reach the disk, as in production. Everything goes with the block.
    """
    from tests import services

    clean_up_when_ended()
    os.environ["DJANGO_SETTINGS_MODULE"] = "dialer_project.settings"
    services.POSTGRES.durable = durable
    try:
        services.start_postgres()
        if broker:
            services.start_valkey()
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield services.VAR
    finally:
        services.pytest_unconfigure()
