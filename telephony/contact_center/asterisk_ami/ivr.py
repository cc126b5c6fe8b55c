"""Channels of IVRs, counted from the PBX's events. No I/O.

A channel is in an IVR from the moment that it enters the IVR's context (at an extension that begins as set), or says
its UserEvent, until it hangs up, leaves the context, or waits in a queue. Inside, it may go to other extensions of
the context, as menus do.
"""

from collections.abc import Iterable

from ..base import QueueSnapshot
from .messages import Message
from .settings import IvrSettings


class IvrBook:
    """Which channel is in which IVR."""

    def __init__(self, ivrs: tuple[IvrSettings, ...]) -> None:
        self._ivrs = ivrs
        self._inside: dict[str, IvrSettings] = {}  # Uniqueid of a channel -> the IVR it is in

    def replace(self, items: Iterable[Message]) -> None:
        """The channels as CoreShowChannels lists them. One that was inside and still lives stays inside."""
        before, self._inside = self._inside, {}
        for item in items:
            if item.event != "CoreShowChannel":
                continue
            channel = item.get("Uniqueid")
            if channel in before:
                self._inside[channel] = before[channel]
            self._moved(channel, item.get("Context"), item.get("Extension") or item.get("Exten"))

    def apply(self, message: Message) -> bool:
        """Take an event in; whether a count may have changed."""
        channel = message.get("Uniqueid")
        before = self._inside.get(channel)
        match message.event:
            case "Newexten":
                self._moved(channel, message.get("Context"), message.get("Exten") or message.get("Extension"))
            case "UserEvent":
                self._said(channel, message.get("UserEvent"))
            case "Hangup" | "QueueCallerJoin":
                self._inside.pop(channel, None)
        return self._inside.get(channel) is not before

    def _moved(self, channel: str, context: str, extension: str) -> None:
        inside = self._inside.get(channel)
        for ivr in self._ivrs:
            if ivr.context and ivr.context == context and extension.startswith(ivr.extension):
                self._inside[channel] = ivr
                return
        if inside is not None and inside.context and inside.context != context:
            del self._inside[channel]

    def _said(self, channel: str, event: str) -> None:
        for ivr in self._ivrs:
            if channel and ivr.user_event and ivr.user_event.lower() == event.lower():
                self._inside[channel] = ivr
                return

    def queues(self) -> dict[str, QueueSnapshot]:
        return {
            ivr.name: QueueSnapshot(
                name=ivr.name,
                kind="IVR",
                pilot_number=ivr.pilot_number,
                agents=(),
                waiting_callers=0,
                channels_total=ivr.channels,
                channels_busy=sum(inside is ivr for inside in self._inside.values()),
            )
            for ivr in self._ivrs
        }
