"""A contact centre asked once, at a click: its queues, agents and channels, or what is wrong in one sentence."""

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dialer_project.pages import marks
from telephony import services
from telephony.contact_center import AgentState, ConnectorError, QueueSnapshot
from telephony.models import ContactCenter

STATES = {
    AgentState.FREE: (gettext_lazy("Free"), marks.GOOD),
    AgentState.BUSY: (gettext_lazy("Busy"), marks.INFO),
    AgentState.WRAP_UP: (gettext_lazy("Wrap-up"), marks.INFO),
    AgentState.PAUSED: (gettext_lazy("Paused"), marks.WARN),
    AgentState.SIGNED_OUT: (gettext_lazy("Signed out"), marks.QUIET),
}

MOST_AGENTS = 200
"""Shown of one queue."""

# What the settings form says beside the kind; keys and values of JSON have no language.
EXAMPLES = {
    ContactCenter.Kind.ASTERISK_AMI: '{"host": "pbx.example", "username": "dialer", "password": "…", '
    '"wrapup_s": 10, "queues": {"sales": "7000"}}',
    ContactCenter.Kind.REST: '{"url": "https://cc.example/api/queues", "token": "…", "pilots": {"sales": "7000"}}',
    ContactCenter.Kind.DEMO: '{"host": "127.0.0.1", "port": 5199}',
}


@dataclass(frozen=True, slots=True)
class Found:
    """A queue as the page shows it."""

    name: str
    pilot_number: str
    figures: str
    agents: list[tuple[str, SafeString]]
    more: int


def ask(center: ContactCenter) -> tuple[list[Found], str]:
    """The queues, or the error."""
    try:
        snapshot = services.ask(center)
    except ConnectorError as error:
        return [], str(error)
    return [_found(queue) for queue in snapshot.queues.values()], ""


def _found(queue: QueueSnapshot) -> Found:
    if queue.kind == "IVR":
        figures = _("%(free)d of %(all)d channels free") % {"free": queue.free, "all": queue.channels_total}
    else:
        figures = _("%(free)d of %(all)d agents free, %(waiting)d callers waiting") % {
            "free": queue.free,
            "all": len(queue.agents),
            "waiting": queue.waiting_callers,
        }
    shown = queue.agents[:MOST_AGENTS]
    return Found(
        name=queue.name,
        pilot_number=queue.pilot_number,
        figures=figures,
        agents=[(agent.name, marks.badge(*STATES[agent.state])) for agent in shown],
        more=len(queue.agents) - len(shown),
    )
