"""PostgreSQL and Valkey out of wheels, for an installation that brings no servers of its own.

    postgres, valkey = start_servers(var)   # both at once; idempotent
    ...
    valkey.stop(); postgres.stop()          # ends only what this process started

The launcher is our own: the wheels' Python APIs create users and change the modes of parent folders when
root starts them.
"""

from pathlib import Path

from dialer_project.embedded.account import EmbeddedError
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedValkey", "start_servers"]


def start_servers(var: Path, *, durable: bool = True) -> tuple[EmbeddedPostgres, EmbeddedValkey]:
    """Both servers of the data folder, ready. Raises EmbeddedError with nothing left running."""
    postgres, valkey = EmbeddedPostgres(var, durable=durable), EmbeddedValkey(var)
    try:
        valkey.begin()
        postgres.start()
        valkey.wait()
    except BaseException:
        valkey.stop()
        postgres.stop()
        raise
    return postgres, valkey
