"""Puts the PBX together on one event loop: sockets, queues, feed, log; runs it until it is told to end."""

import asyncio
import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from .call_log import CallLog
from .config import DemoPbxConfig
from .destinations import Destination, Publish
from .events import EventsFeed
from .exchange import Exchange
from .ivr import Ivr
from .media import MediaClock
from .pbx import DemoPbx, SipSocket
from .queues import AgentQueue
from .transactions import Transactions
from .voices import Voices


class PortInUseError(OSError):
    """A port that was asked for belongs to another program; the message says which, and what to do."""


class DemoPbxServer:
    """`start`, then `stop`. After the start `ready` tells the ports."""

    def __init__(self, config: DemoPbxConfig) -> None:
        self.config = config
        self.ready: dict[str, object] = {}
        self._sip: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._feed: EventsFeed | None = None
        self._log: CallLog | None = None
        self._beat: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open both ports and begin; PortInUseError when one is taken."""
        config, loop = self.config, asyncio.get_running_loop()
        voices = Voices.load()
        sip_socket = SipSocket()
        bound = _udp_socket(config.host, config.sip_port)
        self._sip, _ = await loop.create_datagram_endpoint(lambda: sip_socket, sock=bound)
        sip_port = int(bound.getsockname()[1])
        queues: dict[str, AgentQueue] = {}
        ivrs: dict[str, Ivr] = {}
        self._feed = EventsFeed(queues, ivrs)
        try:
            self._server = await asyncio.start_server(
                self._feed.serve, config.host, config.events_port, limit=1 << 20
            )
        except OSError as error:
            self._sip.close()
            raise PortInUseError(_port_message("events", config.host, config.events_port, error)) from error
        self._log = CallLog(Path(config.log) if config.log else None)
        publish = _logged(self._log, self._feed.publish)
        queues.update({name: AgentQueue(name, item, loop, publish) for name, item in config.queues.items()})
        ivrs.update({name: Ivr(name, item, loop, publish) for name, item in config.ivrs.items()})
        places: list[Destination] = [*queues.values(), *ivrs.values()]
        exchange = Exchange(
            config=config,
            loop=loop,
            transactions=Transactions(loop, config.timers, sip_socket.send),
            media=MediaClock(loop),
            log=self._log,
            voices=voices,
            publish=self._feed.publish,
            sent_by=f"{config.host}:{sip_port}",
            pilots={place.pilot: place for place in places},
        )
        self._feed.pbx = sip_socket.pbx = DemoPbx(exchange)
        self._beat = loop.create_task(self._feed.beat())
        self.ready = {
            "host": config.host,
            "sip_port": sip_port,
            "events_port": self._server.sockets[0].getsockname()[1],
            "log": config.log,
        }
        self._log.write("start", **self.ready)

    async def stop(self) -> None:
        """Hang up every call, so that the log is complete, and close everything."""
        if self._feed is not None and self._feed.pbx is not None:
            for call in list(self._feed.pbx.exchange.calls.values()):
                call.shut_down()
        if self._beat is not None:
            self._beat.cancel()
        if self._feed is not None:
            self._feed.close()
        if self._server is not None:
            self._server.close()
        if self._sip is not None:
            self._sip.close()
        if self._log is not None:
            self._log.close()


def _udp_socket(host: str, port: int) -> socket.socket:
    """The SIP socket with room for a burst of requests."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise PortInUseError(_port_message("sip", host, port, error)) from error
    return opened


def _port_message(name: str, host: str, port: int, error: OSError) -> str:
    return (
        f"The {name} port {host}:{port} can't be opened ({error.strerror or error}): stop the program that uses "
        f"it, or choose another with --{name}-port (0 takes a free one)."
    )


def _logged(log: CallLog, publish: Publish) -> Publish:
    """Queue and IVR changes go to the log as well, so that one file with one clock tells it all."""

    def publish_and_log(event: dict[str, object]) -> None:
        fields = {key: value for key, value in event.items() if key != "type"}
        log.write(str(event["type"]), **fields)
        publish(event)

    return publish_and_log


async def run(config: DemoPbxConfig, stopped: asyncio.Event) -> None:
    """Serve until `stopped` is set; the ready line goes to stdout."""
    server = DemoPbxServer(config)
    await server.start()
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(server.ready) + "\n")
        sys.stdout.flush()
    try:
        await stopped.wait()
    finally:
        await server.stop()
