"""The Celery application. What beat runs is listed in `dialer_project.beat`, and only there."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from kombu.transport.redis import Channel, Transport
from redis.exceptions import ResponseError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dialer_project.settings")

app = Celery("dialer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# A broker that can't write (a full disk, no replica) refuses with these. Celery takes them for programming errors, and
# its workers end, with the calls that they carry; as a lost connection they wait until it can write again.
Transport.connection_errors = (*Transport.connection_errors, ResponseError)


class OneClientChannel(Channel):
    """kombu makes a client for each message it takes and each it acknowledges, which takes as long as all the rest of it
    (0.13 ms, 250 entries copied): one for each pool of connections does."""

    def _create_client(self, asynchronous: bool = False) -> Any:
        pool = self.async_pool if asynchronous else self.pool
        kept = self.__dict__.setdefault("_clients", {})
        if asynchronous not in kept or kept[asynchronous].connection_pool is not pool:
            kept[asynchronous] = super()._create_client(asynchronous)  # type: ignore[misc]
        return kept[asynchronous]


Transport.Channel = OneClientChannel


@task_prerun.connect
def _look_at_connections(**_: Any) -> None:
    """As Django does before each request: what is broken or too old makes place for a new one."""
    from django.db import close_old_connections

    close_old_connections()
