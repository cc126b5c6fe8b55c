"""The way between the calls worker's loop and the detection engine's process: started, watched, started again."""

import asyncio
import json
import logging
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from dialing import side_process
from dialing.detection_messages import Inbox, Kind
from dialing.side_process import Pauses
from telephony import datagrams

logger = logging.getLogger(__name__)


class DetectionLink:
    """The process and the socket to it. The process starts at once; messages flow from `attach` on.

    `on_message` gets what it says. `on_lost` is called when it has gone, before another one is started, and returns
    how many calls that costs their verdict.
    """

    def __init__(
        self,
        arguments: list[str],
        on_message: Callable[[Kind, dict[str, Any]], None],
        on_lost: Callable[[], int],
    ) -> None:
        self._arguments = arguments
        self._on_message, self._on_lost = on_message, on_lost
        self._loop: asyncio.AbstractEventLoop | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._pauses = Pauses()
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._process, ours = side_process.start("dialing.detection_process", *self._arguments)
        ours.setblocking(False)
        self._socket: socket.socket | None = ours
        self._inbox, self._unsent = Inbox(), bytearray()
        self._pauses.started()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_up(self) -> bool:
        """Whether there is a process to talk to; it may still be warming up."""
        return self._socket is not None

    def attach(self) -> None:
        """Talk in the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._watch()

    def _watch(self) -> None:
        if self._loop is not None and self._socket is not None:
            self._loop.add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Ends the process. In the loop, or once it has ended."""
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
        self._hang_up()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hang_up(self) -> None:
        sock, self._socket = self._socket, None
        if sock is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
        sock.close()

    def kill(self, why: str) -> None:
        """Ends a process that does not do its work, and starts another one."""
        self._process.kill()
        self._lost(f"{why} and was killed")

    def _lost(self, how: str) -> None:
        self._hang_up()
        if self._closed:
            return
        pause = self._pauses.next()
        logger.error(
            "ANSWERING MACHINE DETECTION STOPPED: its process %s; %d calls under analysis count as persons. "
            "It is started again in %.1f s.",
            how,
            self._on_lost(),
            pause,
        )
        assert self._loop is not None
        self._restart = self._loop.call_later(pause, self._begin_again)

    def _begin_again(self) -> None:
        self._process.kill()
        self._process.wait()
        try:
            self._begin()
        except OSError as error:
            self._lost(f"could not be started ({error.strerror})")
            return
        self._watch()

    # --- the wire ----------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Hand over a message; never waits."""
        if self._socket is None:
            return
        if self._unsent:
            self._unsent += data
            return
        sent = self._write(data)
        if sent < len(data) and self._loop is not None:
            self._unsent += memoryview(data)[sent:]
            self._loop.add_writer(self._socket.fileno(), self._send_rest)

    def _send_rest(self) -> None:
        del self._unsent[: self._write(self._unsent)]
        if not self._unsent and self._socket is not None and self._loop is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _write(self, data: bytes | bytearray) -> int:
        assert self._socket is not None
        if isinstance(data, bytes):
            sent = datagrams.send(self._socket.fileno(), data, len(data), datagrams.NOW)
            if sent >= 0:
                return sent
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # it is gone: `_read` hears of that

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost("ended")
            return
        for kind, body in self._inbox.take(data):
            self._on_message(kind, json.loads(body))
