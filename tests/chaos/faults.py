"""The faults, one function each: it makes the fault, and puts back in place what a supervisor would.

A fault takes the world and the run's random numbers, and returns what else is worth a word in the report. When it
returns, everything runs again, and the run waits for the recovery.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from dialing.engine.publisher import TASK
from leads.models import CallAttempt
from tests.chaos import campaign
from tests.chaos.signals import family, runs, stopped
from tests.chaos.wire import StreamRelay
from tests.chaos.world import LEASE_SECONDS, World, ask

Details = dict[str, Any]
Fault = Callable[[World, Random], Details]

RECORDS_PROCESS, DETECTION_PROCESS = "dialing.records_process", "dialing.detection_process"
"""Modules that the calls worker runs in processes of their own."""


def _kill(name: str) -> Fault:
    def kill(world: World, random: Random) -> Details:
        world.kill(name)
        time.sleep(random.uniform(0, 2))
        world.start(name)
        return {}

    return kill


def _terminate(name: str) -> Fault:
    def terminate(world: World, random: Random) -> Details:
        took = world.terminate(name)
        world.start(name)
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


def _child_of_calls(world: World, module: str) -> int | None:
    """A process that the calls worker has started for a part of its work; None while it starts again."""
    for pid in family(world.processes.pid("calls")):
        with suppress(OSError):
            if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
    return None


def _kill_child(module: str) -> Fault:
    """The calls worker starts it again by itself."""

    def kill(world: World, random: Random) -> Details:
        if (pid := _child_of_calls(world, module)) is not None:
            os.kill(pid, signal.SIGKILL)
        return {"was_there": pid is not None}

    return kill


def pause_records(world: World, random: Random) -> Details:
    """Nothing is recorded for a while, longer than a lease too; then all of it is, at once."""
    seconds = random.uniform(1, LEASE_SECONDS + 6)
    if (pid := _child_of_calls(world, RECORDS_PROCESS)) is not None:
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
    return {"seconds": round(seconds, 1), "was_there": pid is not None}


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
    world.start("engine-2")
    time.sleep(random.uniform(2, 4))
    world.kill("engine")
    time.sleep(random.uniform(2, 4))
    world.start("engine")
    time.sleep(random.uniform(0, 3))
    world.kill("engine-2")
    return {}


def paused_leader(world: World, random: Random) -> Details:
    """The leader stands still while another engine waits for its lock."""
    world.start("engine-2")
    time.sleep(2.5)
    os.kill(world.processes.pid("engine"), signal.SIGSTOP)
    time.sleep(random.uniform(1, 5))
    os.kill(world.processes.pid("engine"), signal.SIGCONT)
    time.sleep(random.uniform(0, 2))
    world.processes.stop("engine-2")
    return {}


def restart_pbx(world: World, random: Random) -> Details:
    """All calls and registrations are gone, and nobody answers for a moment."""
    world.pbx.stop()
    time.sleep(random.uniform(0, 2))
    world.pbx.start()
    return {}


def kill_pbx(world: World, random: Random) -> Details:
    """The same without a word."""
    world.pbx.kill()
    time.sleep(random.uniform(0, 2))
    world.pbx.start()
    return {}


def cut_contact_center(world: World, random: Random) -> Details:
    """Its connection breaks, again and again."""
    times = random.randint(1, 4)
    for _ in range(times):
        world.center_wire.cut()
        time.sleep(random.uniform(0, 1))
    return {"times": times}


def silent_contact_center(world: World, random: Random) -> Details:
    """Nothing is heard of it, longer than its connector waits."""
    return _silence(world.center_wire, random, longest=9)


def second_worker(world: World, random: Random) -> Details:
    """Another calls worker joins while the first one is killed."""
    world.start("calls-2")
    time.sleep(random.uniform(2, 5))
    world.kill("calls")
    time.sleep(random.uniform(0, 2))
    world.start("calls")
    time.sleep(random.uniform(1, 3))
    world.terminate("calls-2")
    return {}


def kill_web(world: World, random: Random) -> Details:
    """Granian's parent and its worker."""
    return _kill("web")(world, random)


def pause_postgres(world: World, random: Random) -> Details:
    """Every process of the server stands still: connections stay, and nothing is answered."""
    assert world.postgres.process is not None
    seconds = random.uniform(1, LEASE_SECONDS + 2)
    with stopped(family(world.postgres.process.pid)):
        time.sleep(seconds)
    return {"seconds": round(seconds, 1)}


def silent_database(world: World, random: Random) -> Details:
    """The network between the product and PostgreSQL swallows everything."""
    return _silence(world.database_wire, random)


def silent_broker(world: World, random: Random) -> Details:
    """The same to the broker, longer than its clients wait."""
    return _silence(world.broker_wire, random, longest=9)


def _silence(wire: StreamRelay, random: Random, longest: float = LEASE_SECONDS + 2) -> Details:
    seconds = random.uniform(1, longest)
    wire.pause()
    try:
        time.sleep(seconds)
    finally:
        wire.resume()
    return {"seconds": round(seconds, 1)}


def lossy_sip(world: World, random: Random) -> Details:
    """A tenth to a third of all SIP packets is lost, in both directions."""
    return _sip_loss(world, random, random.uniform(0.1, 0.35), random.uniform(3, 6))


def silent_sip(world: World, random: Random) -> Details:
    """No SIP packet comes through for a while: everything is repeated."""
    return _sip_loss(world, random, 1.0, random.uniform(1, 4))


def _sip_loss(world: World, random: Random, loss: float, seconds: float) -> Details:
    since, before = time.time(), world.sip_wire.lost
    world.sip_wire.loss = loss
    try:
        time.sleep(seconds)
    finally:
        world.sip_wire.loss = 0.0
        world.disturbed.append((since, time.time()))
    return {"seconds": round(seconds, 1), "loss": round(loss, 2), "packets": world.sip_wire.lost - before}


def _step_clock(name: str) -> Fault:
    """The clock of one process jumps, forward or back, and later jumps back to what is right."""

    def step(world: World, random: Random) -> Details:
        if not world.clocks.can_step:
            return {"skipped": "no C compiler to build the clock with"}
        seconds = random.choice((-1, 1)) * random.uniform(2, 90)
        since = time.time()
        world.clocks.step(name, seconds)
        try:
            time.sleep(random.uniform(2, 5))
        finally:
            world.clocks.step(name, 0.0)
            world.disturbed.append((since, time.time()))
        return {"seconds": round(seconds, 1)}

    return step


def full_disk(world: World, random: Random) -> Details:
    """Not a byte is left where PostgreSQL, Valkey and the logs write; then there is room again."""
    if not world.disk.is_small:
        return {"skipped": "needs root, for a small file system"}
    seconds = random.uniform(1, 5)
    with world.disk.full():
        time.sleep(seconds)
    ended = [type(server).__name__ for server in (world.postgres, world.valkey) if not runs(server)]
    for server in (world.postgres, world.valkey):
        if not runs(server):
            world.restart_server(server)
    return {"seconds": round(seconds, 1), "servers_ended": ended}


FAULTS: dict[str, Fault] = {
    "kill web": kill_web,
    "terminate jobs": _terminate("jobs"),
    "terminate beat": _terminate("beat"),
    "terminate web": _terminate("web"),
    "pause postgres": pause_postgres,
    "silent database": silent_database,
    "silent broker": silent_broker,
    "lossy sip": lossy_sip,
    "silent sip": silent_sip,
    "step clock of calls": _step_clock("calls"),
    "step clock of engine": _step_clock("engine"),
    "step clock of jobs": _step_clock("jobs"),
    "full disk": full_disk,
    "kill calls": _kill("calls"),
    "kill records": _kill_child(RECORDS_PROCESS),
    "kill detection": _kill_child(DETECTION_PROCESS),
    "pause records": pause_records,
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
    "kill pbx": kill_pbx,
    "cut contact centre": cut_contact_center,
    "silent contact centre": silent_contact_center,
    "second worker": second_worker,
}


def bag(count: int, random: Random) -> list[str]:
    """`count` faults: all kinds before any comes again, in an order of the seed's."""
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += random.sample(list(FAULTS), len(FAULTS))
    return kinds[:count]
