"""A small file system for the run's data, which can be full. Needs root, and a mount namespace of the run's own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWN_MOUNTS = "CHAOS_OWN_MOUNTS"
"""Set once the run has a mount namespace of its own: what it mounts goes when its last process does."""
SIZE = "1500m"


def enter_own_mounts(command: list[str]) -> None:
    """Runs `command` in place of this process in a mount namespace of its own, when root; returns when that can't be."""
    if os.geteuid() or OWN_MOUNTS in os.environ:
        return
    os.environ[OWN_MOUNTS] = "1"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0:
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", *command])
    del os.environ[OWN_MOUNTS]


class SmallDisk:
    """At `folder`, which is made; an ordinary folder where nothing can be mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o755)
        self.is_small = OWN_MOUNTS in os.environ and self._mount()

    def _mount(self) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "chaos", str(self._folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @contextmanager
    def full(self) -> Iterator[None]:
        """Filled to the last page, again and again while it lasts: what others free is taken too."""
        filler = self._folder / "filler"
        script = 'while :; do cat /dev/zero >> "$0" 2>/dev/null; sleep 0.05; done'
        process = subprocess.Popen(["sh", "-c", script, str(filler)], start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, 9)
            process.wait()
            filler.unlink(missing_ok=True)

    def close(self) -> None:
        if self.is_small:
            subprocess.run(["umount", "-l", str(self._folder)], capture_output=True, check=False)
