"""Everything that Celery beat runs, in one place.

Each entry expires before its next turn: a jobs worker that was away does not catch up on ticks.
"""

from typing import Any


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 2.0), "queue": "jobs"}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "open and close schedules": _every(1.0, "campaigns.advance_schedules"),
    "end attempts whose lease ran out, and reconcile": _every(5.0, "dialing.recover_attempts"),
    "ask do-not-call services that are out of service": _every(5.0, "dnc.check_services"),
    "delete campaigns that wait for it or were cut off": _every(5.0, "campaigns.delete_waiting"),
    "add up the kept counts of leads": _every(5.0, "leads.fold_counts"),
    "write the texts that searches look through": _every(5.0, "leads.fill_search"),
    "delete evidence of detections that is too old": _every(600.0, "leads.forget_evidence"),
    "forget tables of ports that nobody has confirmed": _every(60.0, "telephony.forget_held_tables"),
    "load do-not-call files that wait or were cut off": _every(5.0, "dnc.import_uploads"),
    "import lead files that wait or were cut off": _every(5.0, "leads.import_uploads"),
}
