"""The processes of the product (DESIGN 1), as commands of this Python."""

import sys

from django.conf import settings

from dialer_project import env
from dialer_project.processes.readiness import accepts, answers_http, says
from dialer_project.processes.supervisor import Process
from dialing import worker

STOP_FIRST, STOP_CALLS, STOP_JOBS, STOP_PEERS = range(4)
"""What starts calls ends first, then the calls, then the bookkeeping, at last those we talk to."""


def web_address() -> tuple[str, int]:
    """WEB_HOST and WEB_PORT."""
    return env.text("WEB_HOST", "127.0.0.1"), env.integer("WEB_PORT", 8000, lowest=1)


def web_url() -> str:
    host, port = web_address()
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - only compared
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def processes() -> list[Process]:
    """Web, engine, calls worker, jobs worker and beat."""
    host, port = web_address()
    reached = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host  # noqa: S104
    web = ["--interface", "wsgi", "--host", host, "--port", str(port), "--workers", "1"]
    web += ["--blocking-threads", "8", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "5"]
    ports = env.integer("PORTS_PER_WORKER", 300, lowest=1)
    return [
        Process(
            "web",
            [sys.executable, "-m", "granian", *web, "dialer_project.wsgi:application"],
            ready=answers_http(reached, port),
            stop_order=STOP_FIRST,
        ),
        Process(
            "engine",
            [sys.executable, "manage.py", "run_engine"],
            ready=says(r"is the leader|stands by"),
            stop_order=STOP_FIRST,
        ),
        Process("beat", _celery("beat"), ready=says(r"beat: Starting"), stop_order=STOP_FIRST),
        Process(
            "calls",
            _celery(
                "worker", "-Q", "calls", "-P", "threads", "-c", str(ports), "-n", "calls@%h", *_QUIET_WORKER
            ),
            ready=says(r"calls@\S+ ready"),
            stop_order=STOP_CALLS,
            stop_seconds=settings.CALLS_STOP_SECONDS,
            death_signal=worker.END_AT_ONCE,
        ),
        Process(
            "jobs",
            _celery("worker", "-Q", "jobs", "-P", "threads", "-c", "2", "-n", "jobs@%h", *_QUIET_WORKER),
            ready=says(r"jobs@\S+ ready"),
            stop_order=STOP_JOBS,
        ),
    ]


_QUIET_WORKER = ("--without-gossip", "--without-mingle")


def _celery(*words: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "dialer_project", *words, "-l", "INFO"]


def demo_pbx(config: str, host: str, events_port: int) -> Process:
    """The demo PBX: the SIP peer of the demo."""
    return Process(
        "demo-pbx",
        [sys.executable, "-m", "telephony.demo_pbx", "--config", config],
        ready=accepts(host, events_port),
        stop_order=STOP_PEERS,
    )
