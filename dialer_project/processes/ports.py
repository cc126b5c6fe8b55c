"""Ports on this machine: which are free, and who is told when one is not."""

import errno
import socket

from dialer_project.processes.failure import StartError


def require_free_tcp(host: str, port: int, owner: str, variable: str) -> None:
    """Raises StartError when `owner` could not listen there; `variable` is the setting that moves it."""
    cure = f"End the program that uses it, or choose another port: {variable}={_next(port)}."
    try:
        _bind(host, port, socket.SOCK_STREAM)
    except PermissionError as error:
        raise StartError(f"{owner} may not listen on port {port}: {error.strerror}. {cure}") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(f"Port {port} on {host}, meant for {owner}, is in use. {cure}") from None
        raise StartError(
            f"{owner} can't listen on {host} port {port}: {error.strerror or error}. Choose an address of this machine."
        ) from None


def free_port(host: str, preferred: int, kind: socket.SocketKind) -> int:
    """The preferred port, or any free one where somebody has it."""
    for port in (preferred, 0):
        try:
            return _bind(host, port, kind)
        except OSError:
            continue
    raise StartError(f"There is no free port on {host}.")


def _bind(host: str, port: int, kind: socket.SocketKind) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no user
        probe.bind((host, port))
        found: int = probe.getsockname()[1]
        return found


def _next(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8001
