"""Settings of a connector to Asterisk (docs/contact-centres.md has an example)."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..setting_fields import Fields, pilot_number

PORT: Final = 5038
TLS_PORT: Final = 5039
LONGEST_WRAP_UP_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class QueueSettings:
    pilot_number: str
    wrap_up_s: float


@dataclass(frozen=True, slots=True)
class IvrSettings:
    """An IVR is `channels` of the PBX that are in `context`, or that said `user_event`; with neither set, nothing
    is counted and all its channels are taken as free."""

    name: str
    pilot_number: str
    channels: int
    context: str = ""
    extension: str = ""
    user_event: str = ""

    @property
    def is_counted(self) -> bool:
        return bool(self.context or self.user_event)


@dataclass(frozen=True, slots=True)
class AmiSettings:
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    login: str = "md5"
    tls: bool = False
    ca_file: str = ""
    wrap_up_s: float = 0.0
    queues: Mapping[str, QueueSettings] = field(default_factory=dict)
    ivrs: tuple[IvrSettings, ...] = ()
    stale_after_s: float = 3.0
    resync_s: float = 30.0

    @classmethod
    def read(cls, settings: Mapping[str, object]) -> "AmiSettings":
        """ValueError names the setting that is wrong."""
        fields = Fields(settings)
        tls = fields.flag("tls", False)
        wrap_up_s = fields.number("wrapup_s", 0.0, 0, LONGEST_WRAP_UP_S)
        read = cls(
            host=fields.text("host", what="a host name or an address"),
            port=fields.whole("port", TLS_PORT if tls else PORT, 1, 65535),
            username=fields.text("username"),
            password=fields.secret("password"),
            login=fields.choice("login", "md5", ("md5", "plain")),
            tls=tls,
            ca_file=fields.text("ca_file", "", what="the path of a file of certificates"),
            wrap_up_s=wrap_up_s,
            queues={
                name: _queue(value, f"queues.{name}", wrap_up_s)
                for name, value in fields.object("queues").items()
            },
            ivrs=tuple(_ivr(name, value) for name, value in fields.object("ivrs").items()),
            stale_after_s=fields.number("stale_after_s", 3.0, 1, 60),
            resync_s=fields.number("resync_s", 30.0, 1, 3600),
        )
        fields.done()
        for ivr in read.ivrs:
            if ivr.name in read.queues:
                raise ValueError(f"ivrs.{ivr.name} has the name of a queue; give it another one")
        return read

    def wrap_up(self, queue: str) -> float:
        """Seconds of wrap-up after a call of `queue`."""
        known = self.queues.get(queue)
        return known.wrap_up_s if known else self.wrap_up_s

    def ssl_context(self) -> ssl.SSLContext | None:
        """OSError (SSLError included) when the file of certificates can't be used."""
        if not self.tls:
            return None
        return ssl.create_default_context(cafile=self.ca_file or None)


def _queue(value: Any, where: str, wrap_up_s: float) -> QueueSettings:
    if not isinstance(value, Mapping):
        return QueueSettings(pilot_number(value, where), wrap_up_s)
    fields = Fields(value, where)
    read = QueueSettings(
        pilot_number(fields.value("pilot"), fields.name("pilot")),
        fields.number("wrapup_s", wrap_up_s, 0, LONGEST_WRAP_UP_S),
    )
    fields.done()
    return read


def _ivr(name: str, value: Any) -> IvrSettings:
    fields = Fields(value, f"ivrs.{name}")
    read = IvrSettings(
        name=name,
        pilot_number=pilot_number(fields.value("pilot"), fields.name("pilot")),
        channels=fields.whole("channels", None, 0, 10_000),
        context=fields.text("context", "", what="a context of the dial plan"),
        extension=fields.text("extension", "", what="the beginning of an extension"),
        user_event=fields.text("user_event", "", what="the name of a UserEvent"),
    )
    fields.done()
    if read.extension and not read.context:
        raise ValueError(f"{fields.name('context')} is missing: an extension is looked for in its context")
    if read.user_event and read.context:
        raise ValueError(f"{fields.name('user_event')} and context exclude each other; name one of them")
    return read
