"""Which user the embedded servers run as, checked before anything is started."""

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from dialer_project.processes.spawn import Account

_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2


class EmbeddedError(RuntimeError):
    """An embedded server can't be used. The message is for people: what failed, why, what to do."""


def choose(var: Path, must_reach: Iterable[Path]) -> Account | None:
    """The account of the servers of `var`: None for the user we are.

    PostgreSQL refuses to run as root: then it is the owner of the data, at first `nobody`. Where that user
    can't enter a folder on the way (root's home, often) the server keeps the one capability that lets it
    search folders; no mode of a folder is changed. Raises EmbeddedError when neither works.
    """
    if os.geteuid() != 0:
        check_owner(var)
        return None
    uid, gid = _data_owner(var)
    blocked = next((folder for path in must_reach for folder in _closed_folders(path, uid, gid)), None)
    if blocked is None:
        return Account(uid, gid)
    held = _capabilities()
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if held >> capability & 1:
            return Account(uid, gid, capability)
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and the user {_name(uid)} can't enter {blocked}. Start the dialer as a "
        "normal user, move the project to a folder that others may enter (for example /opt/dialer), or set "
        "DATABASE_URL and REDIS_URL."
    )


def give(path: Path, account: Account | None) -> None:
    """Makes a file or folder below var/ the servers' own."""
    if account and os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def check_owner(var: Path) -> None:
    """Raises EmbeddedError when the data folder is another user's, or can't be written by us."""
    me = os.geteuid()
    for path in (var, var / "postgres", var / "valkey", var / "run", var / "log", var / "secret_key"):
        try:
            owner = path.stat().st_uid
        except FileNotFoundError:
            continue
        if owner != me:
            raise EmbeddedError(
                f"{path} belongs to {_name(owner)} and you are {_name(me)}: the dialer was started by another "
                f"user before. Start it as that user, or make the folder yours: sudo chown -R {_name(me)} {var}"
            )
    if not os.access(var if var.exists() else var.parent, os.W_OK | os.X_OK):
        raise EmbeddedError(
            f"{_name(me)} can't write to {var}, where the dialer keeps its data. "
            "Choose another folder with DIALER_VAR."
        )


def _data_owner(var: Path) -> tuple[int, int]:
    try:
        data = (var / "postgres").stat()
    except FileNotFoundError:
        pass
    else:
        if data.st_uid != 0:
            return data.st_uid, data.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def _closed_folders(path: Path, uid: int, gid: int) -> Iterable[Path]:
    """Existing folders on the way to `path` that the user can't search."""
    for folder in reversed(path.absolute().parents):
        try:
            status = folder.stat()
        except FileNotFoundError:
            return
        if status.st_uid == uid:
            needed = stat.S_IXUSR
        elif status.st_gid == gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            yield folder


def _capabilities() -> int:
    """Capabilities we hold and could hand on, as a bit mask."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    masks = {
        name: int(value, 16)
        for name, _, value in (line.partition(":") for line in lines)
        if name[:3] == "Cap"
    }
    return masks.get("CapEff", 0) & masks.get("CapBnd", 0)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
