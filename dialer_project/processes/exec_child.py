"""The first thing that runs in a child: gives up rights, ties its life to the parent's, becomes the command.

Run as a script: `exec_child.py PARENT SIGNAL UID GID CAPABILITY COMMAND...` with -1 for what is not wanted.
A script, not `preexec_fn`: nothing of ours runs between fork and exec, so threads in the parent do no harm.
The order matters: a change of the user clears the parent-death signal (prctl(2)).
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _become(uid: int, gid: int, capability: int) -> None:
    """Changes to the user, keeping at most one capability (and that also after exec)."""
    libc = _libc() if capability >= 0 else None
    if libc:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc:
        header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
        bit = 1 << capability
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        libc.capset(ctypes.byref(header), ctypes.byref(sets))
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def main() -> None:
    parent, signal, uid, gid, capability = (int(word) for word in sys.argv[1:6])
    command = sys.argv[6:]
    if uid >= 0:
        _become(uid, gid, capability)
    libc = _libc()
    if signal > 0 and libc:
        libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    try:
        os.execv(command[0], command)  # noqa: S606 - this is the whole purpose
    except OSError as error:
        sys.exit(f"{command[0]} can't be started: {error.strerror}.")


if __name__ == "__main__":
    main()
