"""The Celery application. What beat runs is listed in `dialer_project.beat`, and only there."""

import os

from celery import Celery
from kombu.transport.redis import Transport
from redis.exceptions import ResponseError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dialer_project.settings")

app = Celery("dialer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# A broker that can't write (a full disk, no replica) refuses with these. Celery takes them for programming errors, and
# its workers end, with the calls that they carry; as a lost connection they wait until it can write again.
Transport.connection_errors = (*Transport.connection_errors, ResponseError)
