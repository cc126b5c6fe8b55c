"""The demo PBX's configuration: a tree of dataclasses, read from JSON (every field may be left out)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from .config_fields import ConfigError, Fields, Span
from .customers import KINDS_BY_LAST_DIGIT, CustomerKind

Behaviour = Literal["rfc", "asterisk"]


@dataclass(frozen=True, slots=True)
class TimerConfig:
    """SIP timers in seconds (RFC 3261 section 17.1.1.1 and table 4)."""

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0


@dataclass(frozen=True, slots=True)
class CustomerConfig:
    """Who answers which number, and how long things take. `second_call` holds from the second call on."""

    by_last_digit: Mapping[str, CustomerKind] = field(default_factory=lambda: dict(KINDS_BY_LAST_DIGIT))
    by_number: Mapping[str, CustomerKind] = field(default_factory=dict)
    second_call: Mapping[str, CustomerKind] = field(default_factory=dict)  # by last digit
    ring_s: Span = field(default=Span(0.3, 2.0))
    refuse_after_s: Span = field(default=Span(0.05, 0.3))  # busy, unknown number, unavailable: no ringing
    speak_after_s: Span = field(default=Span(0.3, 0.8))  # silence at pick-up
    hang_up_after_s: float = 2.0  # the human who hangs up
    patience_s: float = 30.0  # hangs up when nothing happened for so long
    ring_timeout_s: float = 60.0  # the PBX's own, for a customer that never answers
    retry_after_s: float = 0.0  # the Retry-After of `unavailable`; 0: none
    early_media_s: float = 6.0  # of a vacant number and a busy tone, before their 480


@dataclass(frozen=True, slots=True)
class AgentConfig:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class QueueConfig:
    pilot: str
    agents: tuple[AgentConfig, ...]
    answer_s: Span = field(default=Span(0.4, 0.4))
    talk_s: Span = field(default=Span(8.0, 20.0))
    wrap_up_s: Span = field(default=Span(3.0, 5.0))
    max_wait_s: float = 120.0


@dataclass(frozen=True, slots=True)
class IvrConfig:
    pilot: str
    channels: int = 5
    answer_s: Span = field(default=Span(0.05, 0.05))
    talk_s: Span = field(default=Span(5.0, 10.0))


def default_users() -> dict[str, str]:
    """Ten dialer ports, 6001 to 6010, with the password `pw<number>`."""
    return {str(number): f"pw{number}" for number in range(6001, 6011)}


def numbered_agents(count: int) -> tuple[AgentConfig, ...]:
    return tuple(AgentConfig(str(7101 + index), f"Agent {index + 1}") for index in range(count))


@dataclass(frozen=True, slots=True)
class DemoPbxConfig:
    """All settings. `behaviour` "asterisk" shows a dialer what a measured Asterisk 22 shows it:
    a declined call is 403 with Q.850 cause 21, the PBX's own ring time-out is 603 with cause 16, both NOTIFYs
    of a transfer come together at its end, and REFER to an unknown extension is refused with 404."""

    host: str = "127.0.0.1"
    sip_port: int = 0
    events_port: int = 0
    log: str | None = None
    realm: str = "demo-pbx"
    behaviour: Behaviour = "rfc"
    users: Mapping[str, str] = field(default_factory=default_users)
    nonce_lifetime_s: float = 300.0
    bridge_hang_up_s: float = 60.0  # after a finished transfer, when the dialer sends no BYE
    refused_targets: Mapping[str, int] = field(default_factory=dict)  # REFER to it -> this code at once
    timers: TimerConfig = TimerConfig()
    customers: CustomerConfig = field(default_factory=CustomerConfig)
    queues: Mapping[str, QueueConfig] = field(
        default_factory=lambda: {"sales": QueueConfig("7000", numbered_agents(4))}
    )
    ivrs: Mapping[str, IvrConfig] = field(default_factory=lambda: {"ivr": IvrConfig("8000")})

    @classmethod
    def from_json(cls, value: object) -> "DemoPbxConfig":
        """A configuration from parsed JSON; ConfigError names the wrong field in one sentence."""
        fields, default = Fields(value), cls()
        queues, ivrs = fields.objects("queues"), fields.objects("ivrs")
        config = cls(
            host=fields.text("host", default.host),
            sip_port=fields.whole("sip_port", 0, 0, 65535),
            events_port=fields.whole("events_port", 0, 0, 65535),
            log=_optional_text(fields, "log"),
            realm=fields.text("realm", default.realm),
            behaviour=cast(Behaviour, fields.choice("behaviour", default.behaviour, ("rfc", "asterisk"))),
            users=fields.texts("users", default.users),
            nonce_lifetime_s=fields.seconds("nonce_lifetime_s", default.nonce_lifetime_s),
            bridge_hang_up_s=fields.seconds("bridge_hang_up_s", default.bridge_hang_up_s),
            refused_targets=_codes(fields, "refused_targets"),
            timers=_timers(Fields(fields.take("timers", {}), "timers.")),
            customers=_customers(Fields(fields.take("customers", {}), "customers.")),
            queues=default.queues
            if queues is None
            else {name: _queue(item) for name, item in queues.items()},
            ivrs=default.ivrs if ivrs is None else {name: _ivr(item) for name, item in ivrs.items()},
        )
        fields.finish()
        _check_names(config)
        return config

    @classmethod
    def from_file(cls, path: Path) -> "DemoPbxConfig":
        """The configuration in a JSON file; ConfigError also for a file that is missing or no JSON."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(f"the configuration file {path} can't be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"the configuration file {path} is not UTF-8 text.") from error
        except json.JSONDecodeError as error:
            raise ConfigError(f"the configuration file {path} is no JSON (line {error.lineno}).") from error


def _optional_text(fields: Fields, name: str) -> str | None:
    value = fields.take(name)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{fields.path}{name} must be a text, not {value!r}.")
    return value


def _codes(fields: Fields, name: str) -> dict[str, int]:
    codes = Fields(fields.take(name, {}), f"{fields.path}{name}.")
    return {key: codes.whole(key, 603, 400, 699) for key in codes.names()}


def _timers(fields: Fields) -> TimerConfig:
    timers = TimerConfig(
        fields.seconds("t1_s", 0.5),
        fields.seconds("t2_s", 4.0),
        fields.seconds("t4_s", 5.0),
    )
    if timers.t1_s < 0.01:
        raise ConfigError("timers.t1_s must be at least 0.01 seconds.")
    fields.finish()
    return timers


def _kinds(fields: Fields, name: str, default: Mapping[str, CustomerKind]) -> dict[str, CustomerKind]:
    kinds: dict[str, CustomerKind] = {}
    for key, value in fields.texts(name, {}).items():
        if value not in list(CustomerKind):
            known = ", ".join(CustomerKind)
            raise ConfigError(f"{fields.path}{name}.{key} must be one of {known}, not {value!r}.")
        kinds[key] = CustomerKind(value)
    return {**default, **kinds}


def _customers(fields: Fields) -> CustomerConfig:
    default = CustomerConfig()
    customers = CustomerConfig(
        by_last_digit=_kinds(fields, "by_last_digit", default.by_last_digit),
        by_number=_kinds(fields, "by_number", {}),
        second_call=_kinds(fields, "second_call", {}),
        ring_s=fields.span("ring_s", default.ring_s),
        refuse_after_s=fields.span("refuse_after_s", default.refuse_after_s),
        speak_after_s=fields.span("speak_after_s", default.speak_after_s),
        hang_up_after_s=fields.seconds("hang_up_after_s", default.hang_up_after_s),
        patience_s=fields.seconds("patience_s", default.patience_s),
        ring_timeout_s=fields.seconds("ring_timeout_s", default.ring_timeout_s),
        retry_after_s=fields.seconds("retry_after_s", default.retry_after_s),
        early_media_s=fields.seconds("early_media_s", default.early_media_s),
    )
    fields.finish()
    return customers


def _agents(fields: Fields) -> tuple[AgentConfig, ...]:
    """A number of agents (7101 and up), or a list of `{"id", "name"}`."""
    value = fields.take("agents", 4)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1000:
        return numbered_agents(value)
    if not isinstance(value, list):
        raise ConfigError(f"{fields.path}agents must be a number from 0 to 1000 or a list, not {value!r}.")
    agents = []
    for index, item in enumerate(value):
        agent = Fields(item, f"{fields.path}agents.{index}.")
        agent_id = agent.text("id", "")
        if not agent_id:
            raise ConfigError(f"{agent.path}id is missing.")
        agents.append(AgentConfig(agent_id, agent.text("name", agent_id)))
        agent.finish()
    if len({agent.id for agent in agents}) < len(agents):
        raise ConfigError(f"{fields.path}agents has the same id twice.")
    return tuple(agents)


def _queue(fields: Fields) -> QueueConfig:
    default = QueueConfig("", ())
    queue = QueueConfig(
        pilot=fields.text("pilot", "7000"),
        agents=_agents(fields),
        answer_s=fields.span("answer_s", default.answer_s),
        talk_s=fields.span("talk_s", default.talk_s),
        wrap_up_s=fields.span("wrap_up_s", default.wrap_up_s),
        max_wait_s=fields.seconds("max_wait_s", default.max_wait_s),
    )
    fields.finish()
    return queue


def _ivr(fields: Fields) -> IvrConfig:
    default = IvrConfig("")
    ivr = IvrConfig(
        pilot=fields.text("pilot", "8000"),
        channels=fields.whole("channels", default.channels, 0, 10000),
        answer_s=fields.span("answer_s", default.answer_s),
        talk_s=fields.span("talk_s", default.talk_s),
    )
    fields.finish()
    return ivr


def _check_names(config: DemoPbxConfig) -> None:
    pilots = [queue.pilot for queue in config.queues.values()] + [ivr.pilot for ivr in config.ivrs.values()]
    if len(set(pilots)) < len(pilots):
        raise ConfigError("queues and ivrs must have different pilot numbers.")
    if both := set(config.queues) & set(config.ivrs):
        raise ConfigError(f"{both.pop()} is the name of a queue and of an IVR; give them different names.")
