"""What stands before the processes start: servers that answer, tables, the first Master."""

import os
import secrets

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection

from accounts.models import Role, User
from accounts.services import create_user
from dialer_project import env
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.valkey import EmbeddedValkey
from dialer_project.processes.failure import StartError
from dialer_project.processes.supervisor import Supervisor


def start_servers(supervisor: Supervisor) -> str:
    """Embedded servers for what DATABASE_URL and REDIS_URL leave open; returns what was done, for people.

    Raises EmbeddedError, OperationalError or redis.ConnectionError (see `plain_errors`).
    """
    own_database, own_broker = env.text("DATABASE_URL", ""), env.text("REDIS_URL", "")
    postgres = None if own_database else EmbeddedPostgres(settings.VAR_DIR)
    valkey = None if own_broker else EmbeddedValkey(settings.VAR_DIR)
    if own_database:
        connection.ensure_connection()  # what is not ours to start is asked before anything starts
    if own_broker:
        _ask_broker()
    for server in (postgres, valkey):
        if server:
            supervisor.adopt(server)
    if valkey:
        valkey.begin()
    if postgres:
        postgres.start()
    if valkey:
        valkey.wait()
    found = [
        f"{server.label} is {'up' if server.started_here else 'running already'} (embedded)"
        for server in (postgres, valkey)
        if server
    ]
    if own_database:
        found.append("PostgreSQL answers (DATABASE_URL)")
    if own_broker:
        found.append("Valkey answers (REDIS_URL)")
    return ", ".join(found)


def _ask_broker() -> None:
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5) as client:
        client.ping()


def migrate() -> None:
    """Brings the tables to this version. Raises StartError; each migration is applied whole or not at all."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise StartError(
            f"The tables could not be brought to this version: {str(error).strip().splitlines()[0]} "
            "Nothing of the failed migration was kept; `manage.py migrate` shows the details."
        ) from error


def first_master() -> tuple[str, str] | None:
    """User name and password of the Master that is made when there is none; None when there is one.

    The password comes from DIALER_MASTER_PASSWORD (or is generated, and shown this once).
    """
    if User.objects.filter(role=Role.MASTER, is_active=True).exists():
        return None
    username = env.text("DIALER_MASTER_USER", "master")
    given = env.text("DIALER_MASTER_PASSWORD", "")
    password = given or secrets.token_urlsafe(12)
    create_user(
        None, username=username, password=password, first_name="First", last_name="Master", role=Role.MASTER
    )
    return username, "(from DIALER_MASTER_PASSWORD)" if given else password


def share_var_folder() -> None:
    """Children find the embedded servers by the folder; they must mean the same folder as we do."""
    os.environ["DIALER_VAR"] = str(settings.VAR_DIR.absolute())
