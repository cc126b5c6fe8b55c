"""`up`: from nothing to a running product, and back to nothing at Ctrl-C. The demo adds to it."""

import signal
import time
from types import FrameType

from django.conf import settings
from django.core.exceptions import ValidationError

from dialer_project.plain_errors import explain
from dialer_project.processes import ports, preparation, product
from dialer_project.processes.progress import Progress
from dialer_project.processes.supervisor import Process, StopRequested, Supervisor


class Installation:
    """One run of the product in the foreground. Subclasses add steps; `run` holds the order."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.supervisor = Supervisor(settings.VAR_DIR, settings.BASE_DIR, progress.step)

    # --- what the demo adds to ----------------------------------------------------------------------------
    def check(self) -> None:
        """Refuses what can't work, before anything is started. Raises StartError."""
        host, port = product.web_address()
        ports.require_free_tcp(host, port, "the web site", "WEB_PORT")

    def prepare(self) -> None:
        """The database stands; nothing runs yet."""
        if master := preparation.first_master():
            self.progress.line()
            self.progress.line(f"  First Master: user name {master[0]}, password {master[1]}")
            self.progress.line()

    def stages(self) -> list[list[Process]]:
        """What starts together; a stage begins when the one before is ready."""
        return [product.processes()]

    def stage_done(self, stage: int) -> None:
        """The processes of this stage (from 0) are ready."""

    def running(self) -> None:
        """Everything runs."""
        self.progress.line()
        self.progress.line(
            f"  The dialer is at {product.web_url()}   (Ctrl-C ends it; logs: {settings.VAR_DIR / 'log'})"
        )
        self.progress.line()

    def tick(self) -> None:
        """About each second while it runs."""

    # --- the run ---------------------------------------------------------------------------------------------
    def run(self) -> int:
        """Exit code: 0 after Ctrl-C or SIGTERM, 1 when a step failed. Nothing is left running."""
        before = {number: signal.signal(number, self._stop) for number in _ENDING_SIGNALS}
        code = 0
        try:
            self._start()
            self._watch()
        except StopRequested:
            self.progress.line()
            self.progress.step("Stopping (calls that are up may end; Ctrl-C again ends everything at once)")
        except Exception as error:
            code = 1
            sentence = explain(error)
            if sentence is None or isinstance(error, ValidationError):
                sentence = f"This step failed: {sentence or repr(error)}"
            self.progress.line()
            self.progress.step(sentence)
        finally:
            something = self.supervisor.has_started_something
            self.supervisor.stop()
            if something:
                self.progress.step("Everything that was started has ended")
            for number, handler in before.items():
                signal.signal(number, handler)
        return code

    def _start(self) -> None:
        say, supervisor = self.progress.step, self.supervisor
        preparation.share_var_folder()
        self.check()
        if leftovers := supervisor.register.open():
            say(f"Ended {leftovers} processes that a killed run had left")
        say(preparation.start_servers(supervisor))
        supervisor.check_stop()
        preparation.migrate()
        say("The tables are up to date")
        supervisor.check_stop()
        self.prepare()
        supervisor.check_stop()
        for number, stage in enumerate(self.stages()):
            supervisor.start(stage)
            say(f"Running: {', '.join(process.name for process in stage)}")
            self.stage_done(number)
        self.running()

    def _watch(self) -> None:
        while True:
            began = time.monotonic()
            self.supervisor.check_stop()
            self.supervisor.watch()
            self.tick()
            while time.monotonic() - began < 1.0:
                self.supervisor.check_stop()
                time.sleep(0.05)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Only takes a note: an exception here could lose a child between its start and its entry."""
        if self.supervisor.stopping:
            self.supervisor.hurry = True
        self.supervisor.stopping = True


_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
