"""The calls worker of this process, tied to Celery's signals.

A Celery worker that does not consume `calls` never imports the SIP user agent.
"""

import logging
import resource
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from celery.signals import task_received, worker_init, worker_ready, worker_shutdown, worker_shutting_down

from dialing.promptness import be_prompt
from telephony.sip.tls import UnusableCertificateError

if TYPE_CHECKING:
    from dialing.calls_worker import CallsWorker

logger = logging.getLogger(__name__)

QUEUE = "calls"
END_AT_ONCE = signal.SIGQUIT
"""What a calls worker hears when its supervisor was killed: database and broker are going too."""

OPEN_FILES = 8192
"""What a calls worker may hold open: an answered call has three sockets, and a system's usual 1,024 are soon used up."""

EXIT_NOT_STARTED = 1
EXPLAINED = (UnusableCertificateError, OSError)
"""Errors whose words say what is wrong; of others the log has the traceback."""

_worker: "CallsWorker | None" = None


def current() -> "CallsWorker":
    """The calls worker of this process. RuntimeError in a process that does not consume `calls`."""
    if _worker is None:
        raise RuntimeError(
            f"This process is no calls worker: start one with `celery worker -Q {QUEUE} -P threads`."
        )
    return _worker


@worker_init.connect
def _on_worker_init(sender: Any = None, **_kwargs: Any) -> None:
    """Threads have no `worker_process_init`; the loop starts here, when the worker consumes `calls`."""
    global _worker
    if QUEUE not in sender.app.amqp.queues.consume_from:
        return
    try:
        _worker = _started(sender)
    except Exception as error:
        # Celery swallows what its receivers raise, and would wait for messages that it can't carry out.
        logger.critical("The calls worker can't start: %s", error, exc_info=not isinstance(error, EXPLAINED))
        raise SystemExit(EXIT_NOT_STARTED) from error


def _started(sender: Any) -> "CallsWorker":
    from dialing.calls_worker import CallsWorker
    from dialing.intake import TakeByPorts

    allow_open_files()
    sender.app.steps["consumer"].add(TakeByPorts)
    worker = CallsWorker(capacity=sender.concurrency)
    worker.start()
    return worker


def allow_open_files() -> None:
    """Raises this process's own limit of open files, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@worker_ready.connect
def _on_worker_ready(**_kwargs: Any) -> None:
    if _worker is not None:
        be_prompt()
        signal.signal(END_AT_ONCE, _end_at_once)


@task_received.connect
def _on_task_received(request: Any = None, **_kwargs: Any) -> None:
    if _worker is not None:
        _worker.intake.came(*request.args)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """In a thread of its own: a signal's handler may have interrupted whoever holds a lock."""
    if _worker is not None:
        threading.Thread(target=_worker.end_at_once, name="end", daemon=True).start()


@worker_shutting_down.connect
def _on_worker_shutting_down(**_kwargs: Any) -> None:
    if _worker is not None:
        _worker.drain()


@worker_shutdown.connect
def _on_worker_shutdown(**_kwargs: Any) -> None:
    global _worker
    if _worker is not None:
        worker, _worker = _worker, None
        worker.close()
