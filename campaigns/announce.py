"""Tells engine and calls workers at once that something changed.

PostgreSQL NOTIFY: sent in the transaction that makes the change, delivered when it commits, and working
while the broker is down. Losing one costs time, never correctness: the listeners also look every second.
"""

import json
from typing import Any

from django.db import connection

CHANNEL = "dialer"


def announce(event: str, **fields: Any) -> None:
    """Notifies `{"event": event, **fields}` to every listener, on commit.

    Events: `campaign` (campaign, state), `schedule` (campaign), `leads` (campaign), `ports` (no fields), `recall`
    (attempts: no agent is left for them), `attempt` (attempt, campaign, queue, state, result, answered, at: seconds since
    1970), `push` (center, changes: what a contact centre has said by itself).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps({"event": event, **fields})])
