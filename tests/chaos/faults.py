"""The faults, one function each: it makes the fault, and puts back in place what a supervisor would.

A fault takes the world and the run's random numbers, and returns what else is worth a word in the report. When it
returns, everything runs again, and the run waits for the recovery.
"""

import os
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from dialing.engine.publisher import TASK
from leads.models import CallAttempt
from tests.chaos import campaign
from tests.chaos.world import LEASE_SECONDS, World, ask

Details = dict[str, Any]
Fault = Callable[[World, Random], Details]


def _kill(name: str) -> Fault:
    def kill(world: World, random: Random) -> Details:
        world.kill(name)
        time.sleep(random.uniform(0, 2))
        world.processes.start(name)
        return {}

    return kill


def _terminate(name: str) -> Fault:
    def terminate(world: World, random: Random) -> Details:
        took = world.terminate(name)
        world.processes.start(name)
        return {"ended_in_s": round(took, 1)}

    return terminate


def _pause(name: str, longest: float) -> Fault:
    """As a network that swallows everything for a while, or a host that stands still."""

    def pause(world: World, random: Random) -> Details:
        pid, seconds = world.processes.pid(name), random.uniform(1, longest)
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        return {"seconds": round(seconds, 1)}

    return pause


def kill_valkey(world: World, random: Random) -> Details:
    assert world.valkey.process is not None
    world.valkey.process.kill()
    world.valkey.process.wait()
    time.sleep(random.uniform(0, 3))
    world.restart_server(world.valkey)
    return {}


def kill_postgres(world: World, random: Random) -> Details:
    assert world.postgres.process is not None
    world.postgres.process.kill()
    world.postgres.process.wait()
    time.sleep(random.uniform(0, 3))
    world.restart_server(world.postgres)
    return {}


def pause_valkey(world: World, random: Random) -> Details:
    assert world.valkey.process is not None
    seconds = random.uniform(1, LEASE_SECONDS + 2)
    os.kill(world.valkey.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(world.valkey.process.pid, signal.SIGCONT)
    return {"seconds": round(seconds, 1)}


def doubled_messages(world: World, random: Random) -> Details:
    """Messages of attempts that ended, are open, or are still queued, come again and again."""
    recent = ask(lambda: list(CallAttempt.objects.order_by("-pk").values_list("pk", flat=True)[:40]))
    ids = random.sample(recent, min(len(recent), 12))
    for attempt in ids * random.randint(1, 3):
        current_app.send_task(TASK, (attempt,), queue="calls")
    return {"messages": len(ids)}


def dropped_messages(world: World, random: Random) -> Details:
    """The broker loses messages: we take what the worker waits for, in turns with it, and throw it away."""
    dropped, until = 0, time.monotonic() + random.uniform(2, 4)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        while (left := until - time.monotonic()) > 0:
            dropped += client.brpop(["calls"], timeout=left) is not None
    return {"messages": dropped}


def cut_broker_connections(world: World, random: Random) -> Details:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        return {"connections": client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")}


def cut_database_connections(world: World, random: Random) -> Details:
    def cut() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            row = cursor.fetchone()
            return int(row[0]) if row else 0

    return {"connections": ask(cut)}


def stop_and_start_campaign(world: World, random: Random) -> Details:
    return _stopped_for(world, random.uniform(1.5, 3))


def stop_while_the_worker_stands_still(world: World, random: Random) -> Details:
    """The stop can't be heard: what the worker had begun before must not leave afterwards."""
    pid = world.processes.pid("calls")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(random.uniform(0, 1))
        stopped = ask(lambda: campaign.stop(world.campaign))
        time.sleep(random.uniform(1.2, 4))
    finally:
        os.kill(pid, signal.SIGCONT)
    time.sleep(1.5)
    return _started_again(world, stopped)


def stop_while_the_broker_is_down(world: World, random: Random) -> Details:
    assert world.valkey.process is not None
    world.valkey.process.kill()
    world.valkey.process.wait()
    details = _stopped_for(world, 2.0)
    world.restart_server(world.valkey)
    return details


def _stopped_for(world: World, seconds: float) -> Details:
    stopped = ask(lambda: campaign.stop(world.campaign))
    time.sleep(seconds)
    return _started_again(world, stopped)


def _started_again(world: World, stopped: float) -> Details:
    started = time.time()
    ask(lambda: campaign.start(world.campaign))
    return {"stopped": [stopped, started]}


def leader_change(world: World, random: Random) -> Details:
    """A second engine stands by, the leader dies, and comes back as the one that stands by."""
    world.processes.start("engine-2")
    time.sleep(random.uniform(2, 4))
    world.kill("engine")
    time.sleep(random.uniform(2, 4))
    world.processes.start("engine")
    time.sleep(random.uniform(0, 3))
    world.kill("engine-2")
    return {}


def paused_leader(world: World, random: Random) -> Details:
    """The leader stands still while another engine waits for its lock."""
    world.processes.start("engine-2")
    time.sleep(2.5)
    os.kill(world.processes.pid("engine"), signal.SIGSTOP)
    time.sleep(random.uniform(1, 5))
    os.kill(world.processes.pid("engine"), signal.SIGCONT)
    time.sleep(random.uniform(0, 2))
    world.processes.stop("engine-2")
    return {}


def restart_pbx(world: World, random: Random) -> Details:
    """All calls and registrations are gone, and nobody answers for a moment."""
    world.pbx_process.stop()
    time.sleep(random.uniform(0, 2))
    world.start_pbx()
    return {}


def second_worker(world: World, random: Random) -> Details:
    """Another calls worker joins while the first one is killed."""
    world.processes.start("calls-2")
    time.sleep(random.uniform(2, 5))
    world.kill("calls")
    time.sleep(random.uniform(0, 2))
    world.processes.start("calls")
    time.sleep(random.uniform(1, 3))
    world.terminate("calls-2")
    return {}


FAULTS: dict[str, Fault] = {
    "kill calls": _kill("calls"),
    "kill engine": _kill("engine"),
    "kill beat": _kill("beat"),
    "kill jobs": _kill("jobs"),
    "kill valkey": kill_valkey,
    "kill postgres": kill_postgres,
    "terminate calls": _terminate("calls"),
    "terminate engine": _terminate("engine"),
    "pause calls": _pause("calls", LEASE_SECONDS + 6),
    "pause engine": _pause("engine", 6),
    "pause valkey": pause_valkey,
    "doubled messages": doubled_messages,
    "dropped messages": dropped_messages,
    "cut broker connections": cut_broker_connections,
    "cut database connections": cut_database_connections,
    "stop and start": stop_and_start_campaign,
    "stop while the worker stands still": stop_while_the_worker_stands_still,
    "stop while the broker is down": stop_while_the_broker_is_down,
    "leader change": leader_change,
    "paused leader": paused_leader,
    "restart pbx": restart_pbx,
    "second worker": second_worker,
}


def bag(count: int, random: Random) -> list[str]:
    """`count` faults: all kinds before any comes again, in an order of the seed's."""
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += random.sample(list(FAULTS), len(FAULTS))
    return kinds[:count]
