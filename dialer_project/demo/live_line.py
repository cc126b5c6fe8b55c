"""The demo's live line: the campaign's counts and the queue's agents, in one row of a terminal."""

import asyncio

from campaigns.models import Campaign
from campaigns.selectors import summary
from leads.models import LeadStatus
from telephony.contact_center.base import AgentState, ConnectorError
from telephony.contact_center.registry import make_connector

_SHOWN = {
    LeadStatus.SUCCESS: "success",
    LeadStatus.AMD: "machine",
    LeadStatus.BUSY: "busy",
    LeadStatus.REFUSED: "refused",
    LeadStatus.FAILED: "failed",
    LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE: "unavailable",
    LeadStatus.DO_NOT_CALL: "do not call",
    LeadStatus.UNKNOWN: "unknown",
    LeadStatus.NOT_CALLED: "not called",
}


def live_line(campaign: Campaign) -> str:
    """`Demo STARTED · 3 calls · agents 5 free of 8 · 200 leads: success 12, ...`."""
    campaign.refresh_from_db(fields=["state"])
    counts = summary(campaign)
    statuses = ", ".join(
        f"{word} {counts.by_status[status]}" for status, word in _SHOWN.items() if counts.by_status[status]
    )
    calls = f"{counts.in_flight} call{'' if counts.in_flight == 1 else 's'}"
    return (
        f"{campaign.name} {campaign.state} · {calls} · {_agents(campaign)} · {counts.total} leads: {statuses}"
    )


def _agents(campaign: Campaign) -> str:
    """As the contact centre tells it now, past the engine: what an operator would see on its own screen."""
    center = campaign.queue.contact_center
    try:
        snapshot = asyncio.run(make_connector(center.kind, center.settings).fetch(1.0))
        agents = snapshot.queues[campaign.queue.name].agents
    except (ConnectorError, ValueError, KeyError, OSError):
        return "agents unknown"
    free = sum(agent.state == AgentState.FREE for agent in agents)
    return f"agents {free} free of {len(agents)}"
