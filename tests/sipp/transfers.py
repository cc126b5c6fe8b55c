"""Transfers: accepted, refused, told of in every order, or not at all."""

from collections.abc import Mapping

from telephony.results import CallResult
from telephony.sip.call import EndedBy

from .network import NO_FAULTS, Faults
from .scenario import Expect, Scenario

PILOT = {"transfer_to": "7000", "hold_s": None}


def _transfer(
    name: str,
    xml: str,
    transfer: tuple[int | None, int | None],
    *,
    succeeds: bool = True,
    by: EndedBy | None = EndedBy.LOCAL,
    faults: Faults = NO_FAULTS,
    plan: Mapping[str, object] | None = None,
    transport: str = "udp",
    reason: str | None = None,
    values: dict[str, str] | None = None,
) -> Scenario:
    result = CallResult.SUCCESS if succeeds else CallResult.FAILED
    return Scenario(
        name=name,
        xml=xml,
        values=values or {},
        plan={**PILOT, **(plan or {})},
        expect=Expect(result=result, by=by, transfer=transfer, reason=reason),
        faults=faults,
        transport=transport,
    )


def _outcome(status: str) -> Scenario:
    code = int(status[:3])
    return _transfer(
        f"transfer_fails_with_{code}",
        "transfer",
        (202, code),
        succeeds=False,
        values={"accepted": "202 Accepted", "final": f"terminated;reason=noresource | {status}"},
        reason=f"transfer to 7000 failed with {code}",
    )


def _refused(status: str) -> Scenario:
    code = int(status[:3])
    return _transfer(
        f"transfer_refused_with_{code}",
        "transfer_refused",
        (code, None),
        succeeds=False,
        values={"status": status},
        reason=f"transfer to 7000 was refused with {code}",
    )


OK = {"accepted": "202 Accepted", "final": "terminated;reason=noresource | 200 OK"}
FINAL_ACTIVE = {"accepted": "202 Accepted", "final": "active;expires=60 | 200 OK"}
# sipp can't listen between the parts of a burst, so that our answers must not be faster than it.
LATE_ANSWER = Faults(delay={"> 200 NOTIFY": 0.2, "> BYE": 0.4})
TURNED_ROUND = Faults(delay={"< NOTIFY": 0.2, "> BYE": 0.4})
SHORT: Mapping[str, object] = {"transfer_timeout_s": 0.6}

SCENARIOS = [
    _transfer("transfer", "transfer", (202, 200), values=OK),
    _transfer("transfer_tcp", "transfer", (202, 200), transport="tcp", values=OK),
    _transfer("transfer_accepted_with_200", "transfer", (200, 200), values={**OK, "accepted": "200 OK"}),
    _transfer("transfer_outcome_in_an_active_subscription", "transfer", (202, 200), values=FINAL_ACTIVE),
    _transfer("transfer_100_then_202", "transfer_trying", (202, 200)),
    _transfer("transfer_notify_before_202", "transfer_notify_first", (202, 200)),
    _transfer("transfer_notify_before_202_tcp", "transfer_notify_first", (202, 200), transport="tcp"),
    _transfer("transfer_in_one_burst", "transfer_burst", (202, 200), faults=LATE_ANSWER),
    _transfer("transfer_notifies_turned_round", "transfer_reordered", (202, 200), faults=TURNED_ROUND),
    _transfer("transfer_bye_after_the_202", "transfer_bye_at_once", (202, None), by=EndedBy.REMOTE),
    _transfer(
        "transfer_bye_with_the_outcome",
        "transfer_bye_after_notify",
        (202, 200),
        by=None,
        faults=LATE_ANSWER,
    ),
    _transfer(
        "transfer_never_told", "transfer_silent", (202, None), plan=SHORT, values={"status": "202 Accepted"}
    ),
    _transfer(
        "transfer_never_told_after_200",
        "transfer_silent",
        (200, None),
        plan=SHORT,
        values={"status": "200 OK"},
    ),
    _transfer(
        "transfer_without_subscription",
        "transfer_without_subscription",
        (202, None),
        values={"status": "202 Accepted"},
    ),
    _transfer(
        "transfer_without_subscription_200",
        "transfer_without_subscription",
        (200, None),
        values={"status": "200 OK"},
    ),
    _transfer("transfer_subscription_ends_without_outcome", "transfer_terminated", (202, None)),
    _transfer("transfer_odd_notify", "transfer_odd_notify", (202, 200)),
    _transfer("transfer_empty_notify", "transfer_empty_notify", (202, 200)),
    _transfer("transfer_challenged", "transfer_challenged", (202, 200)),
    *(_outcome(s) for s in ("404 Not Found", "408 Request Timeout", "480 Unavailable", "486 Busy Here")),
    *(_outcome(s) for s in ("487 Terminated", "500 Error", "503 Service Unavailable", "603 Decline")),
    *(_refused(s) for s in ("403 Forbidden", "405 Method Not Allowed", "420 Bad Extension", "481 No Dialog")),
    *(_refused(s) for s in ("488 Not Acceptable", "501 Not Implemented", "503 Unavailable", "603 Decline")),
    _transfer(
        "transfer_accepted_after_the_peers_bye",
        "transfer_hangs_up_first",
        (202, None),
        by=EndedBy.REMOTE,
        values={"status": "202 Accepted"},
    ),
    _transfer(
        "transfer_refused_after_the_peers_bye",
        "transfer_hangs_up_first",
        (481, None),
        succeeds=False,
        by=EndedBy.REMOTE,
        values={"status": "481 No Dialog"},
    ),
    _transfer(
        "transfer_bye_instead_of_an_answer",
        "transfer_unanswered",
        (None, None),
        succeeds=False,
        by=EndedBy.REMOTE,
    ),
    _transfer("transfer_refer_lost", "transfer", (202, 200), faults=Faults(lose=("> REFER",)), values=OK),
    _transfer("transfer_202_lost", "transfer", (None, 200), faults=Faults(lose=("< 202 REFER",)), values=OK),
    _transfer(
        "transfer_notify_lost", "transfer", (202, 200), faults=Faults(lose=("< NOTIFY",) * 2), values=OK
    ),
    _transfer(
        "transfer_answer_to_notify_lost",
        "transfer",
        (202, 200),
        faults=Faults(lose=("> 200 NOTIFY",)),
        values=OK,
    ),
    _transfer("transfer_everything_twice", "transfer", (202, 200), faults=Faults(twice=True), values=OK),
]
