"""The voice portal: so many channels, each one call; a call more is refused with 486."""

import asyncio

from .config import IvrConfig
from .destinations import Caller, Publish


class Ivr:
    """Channels are taken when a caller enters and given back when the conversation or the caller is gone."""

    def __init__(
        self, name: str, config: IvrConfig, loop: asyncio.AbstractEventLoop, publish: Publish
    ) -> None:
        self.name = name
        self.pilot = config.pilot
        self.channels = config.channels
        self._config = config
        self._loop = loop
        self._publish = publish
        self._calls: dict[Caller, asyncio.TimerHandle] = {}

    def enter(self, caller: Caller) -> None:
        if len(self._calls) >= self.channels:
            caller.refused(486)
            return
        delay = self._config.answer_s.pick(f"{caller.key}/answer")
        self._calls[caller] = self._loop.call_later(delay, self._answer, caller)
        self._publish_channels()

    def _answer(self, caller: Caller) -> None:
        talk_s = self._config.talk_s.pick(f"{caller.key}/talk")
        self._calls[caller] = self._loop.call_later(talk_s, self.leave, caller)
        caller.connected(None)

    def leave(self, caller: Caller) -> None:
        timer = self._calls.pop(caller, None)
        if timer is None:
            return
        timer.cancel()
        self._publish_channels()
        caller.released()

    def set_channels(self, channels: int) -> None:
        """Change how many calls fit; calls that are there stay."""
        self.channels = channels
        self._publish_channels()

    def _publish_channels(self) -> None:
        self._publish(
            {
                "type": "channels",
                "queue": self.name,
                "channels_total": self.channels,
                "channels_busy": len(self._calls),
            }
        )

    def snapshot(self) -> dict[str, object]:
        return {
            "name": self.name,
            "kind": "IVR",
            "pilot_number": self.pilot,
            "agents": [],
            "waiting_callers": 0,
            "channels_total": self.channels,
            "channels_busy": len(self._calls),
        }
