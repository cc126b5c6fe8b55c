"""`manage.py run_engine`: watches the contact centres and places calls, when no other engine does."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand

from dialing.engine.leader import lead
from dialing.engine.loop import Engine
from dialing.engine.publisher import Publisher
from dialing.promptness import be_prompt
from dialing.records import Records


class Command(BaseCommand):
    help = "Runs the dialing engine. Any number may run; one of them leads, the others stand by."

    def handle(self, *args: Any, **options: Any) -> None:
        records = Records("engine", threads=3)
        try:
            asyncio.run(_run(records))
        finally:
            records.close()


async def _run(records: Records) -> None:
    """Until SIGTERM or SIGINT; then the leader's lock is free within a second."""
    publisher = Publisher()
    be_prompt()
    task = asyncio.create_task(lead(lambda: Engine(records, publisher).run()))
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
