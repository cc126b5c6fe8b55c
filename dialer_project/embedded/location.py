"""Where the embedded servers live: derived from the data folder alone, so every process finds them.

Unix sockets under `var/run/`, which only the servers' user may enter; a socket path has 107 bytes at most, so
a folder that lies deeper gets loopback ports derived from the folder's name, and a password.
"""

import hashlib
import hmac
import secrets
from pathlib import Path
from urllib.parse import quote

from dialer_project.embedded.account import check_owner

_LONGEST_SOCKET_PATH = 107


def postgres_port(var: Path) -> int:
    """Names the socket file (`.s.PGSQL.<port>`), and is the TCP port where a socket does not fit."""
    return 20000 + _hash(var, "postgres") % 10000


def valkey_port(var: Path) -> int:
    """TCP port where a socket does not fit."""
    return 20000 + _hash(var, "valkey") % 10000


def run_folder(var: Path) -> Path:
    return var.absolute() / "run"


def postgres_uses_socket(var: Path) -> bool:
    name = run_folder(var) / f".s.PGSQL.{postgres_port(var)}"
    # libpq takes a comma for the end of the first of several hosts
    return len(bytes(name)) <= _LONGEST_SOCKET_PATH and "," not in str(name)


def valkey_socket(var: Path) -> Path | None:
    """Path of Valkey's socket, or None where it would be too long."""
    path = run_folder(var) / "valkey.sock"
    return path if len(bytes(path)) <= _LONGEST_SOCKET_PATH else None


def database_url(var: Path) -> str:
    """Address of the embedded PostgreSQL, running or not."""
    port = postgres_port(var)
    if postgres_uses_socket(var):
        return f"postgresql://dialer@:{port}/dialer?host={quote(str(run_folder(var)))}"
    return f"postgresql://dialer:{server_password(var)}@127.0.0.1:{port}/dialer"


def redis_url(var: Path) -> str:
    """Address of the embedded Valkey, running or not."""
    socket = valkey_socket(var)
    if socket:
        return f"unix://{quote(str(socket))}"
    return f"redis://:{server_password(var)}@127.0.0.1:{valkey_port(var)}/0"


def make_var(var: Path) -> None:
    """The data folder; the servers' user passes through it, whatever our umask. Its contents protect themselves."""
    if not var.exists():
        var.mkdir(parents=True, exist_ok=True)
        var.chmod(0o755)


def server_password(var: Path) -> str:
    """What the servers ask for on loopback ports, which other users of the machine reach as well."""
    return hmac.new(secret_key(var).encode(), b"embedded servers", hashlib.sha256).hexdigest()


def secret_key(var: Path) -> str:
    """The installation's own secret, made at first use and readable by its owner alone.

    Raises EmbeddedError where the folder is another user's.
    """
    path = var / "secret_key"
    try:
        if not path.exists():
            _make_secret_key(path)
        return path.read_text(encoding="ascii")
    except PermissionError:
        check_owner(var)
        raise


def _make_secret_key(path: Path) -> None:
    make_var(path.parent)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(50), encoding="ascii")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()


def _hash(var: Path, salt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}:{var.absolute()}".encode()).digest()[:4], "big")
