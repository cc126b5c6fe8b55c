"""`python -m telephony.demo_pbx`: see `--help`. Exit 0 at SIGTERM or SIGINT, 2 for what the caller must change."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from .config import DemoPbxConfig
from .config_fields import ConfigError
from .server import PortInUseError, run


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one; pure Python is slower and does as well."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def parse_arguments(arguments: list[str]) -> tuple[DemoPbxConfig, bool]:
    """The configuration (the options win over the file), and whether stdin's end is the PBX's end."""
    parser = argparse.ArgumentParser(
        prog="python -m telephony.demo_pbx", description="Demo PBX over SIP/UDP."
    )
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--sip-port", type=int, help="SIP/UDP port, 0 takes a free one")
    parser.add_argument("--events-port", type=int, help="TCP port of the events feed, 0 takes a free one")
    parser.add_argument("--log", help="append the call log to this file of JSON lines")
    parser.add_argument("--config", type=Path, help="JSON file, see telephony/demo_pbx/config.py")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent process")
    options = parser.parse_args(arguments)
    config = DemoPbxConfig.from_file(options.config) if options.config else DemoPbxConfig()
    changes = {
        name: getattr(options, name)
        for name in ("host", "sip_port", "events_port", "log")
        if getattr(options, name) is not None
    }
    for name in ("sip_port", "events_port"):
        if not 0 <= changes.get(name, 0) <= 65535:
            raise ConfigError(f"--{name.replace('_', '-')} must be a number from 0 to 65535.")
    return replace(config, **changes), options.until_stdin_closes


async def serve(config: DemoPbxConfig, until_stdin_closes: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), lambda: _watch_stdin(loop, stopped))
    await run(config, stopped)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stopped.set()


def main(arguments: list[str]) -> int:
    try:
        config, until_stdin_closes = parse_arguments(arguments)
    except ConfigError as error:
        sys.stderr.write(f"demo PBX: {error}\n")
        return 2
    gc.freeze()  # what stands at the start is never garbage: shorter pauses for the 20 ms tick
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            runner.run(serve(config, until_stdin_closes))
        except PortInUseError as error:
            sys.stderr.write(f"demo PBX: {error}\n")
            return 2
        except OSError as error:
            sys.stderr.write(f"demo PBX: {error}; check --host and --log.\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
