"""Setting the clock of single processes: a small library before libc's (`clock.c`), built where there is a compiler."""

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clocks:
    """One clock for each name; a process gets it by its environment, and `step` sets it while it runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library: Path | None = None
        compiler = shutil.which("cc")
        if compiler is not None:
            library = folder / "clock.so"
            build = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
            if subprocess.run(build, capture_output=True, check=False).returncode == 0:
                self._library = library

    @property
    def can_step(self) -> bool:
        return self._library is not None

    def environment(self, name: str) -> dict[str, str]:
        """For the process that gets the clock `name`."""
        if self._library is None:
            return {}
        file = self._folder / f"clock-{name}"
        if not file.exists():
            self.step(name, 0.0)
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(file)}

    def step(self, name: str, seconds: float) -> None:
        """From now on the clock is so much before (or behind) the machine's."""
        file = self._folder / f"clock-{name}"
        with file.open("r+b" if file.exists() else "wb") as stream:
            stream.write(struct.pack("d", seconds))
