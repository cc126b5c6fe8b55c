"""What Asterisk's log tells of SIP (`pjsip set logger on`): each message, and each call of a dialer port."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HEAD = re.compile(
    r"^\[(?P<at>[-\d]+ [:.\d]+)\] VERBOSE\[\d+\] res_pjsip_logger\.c: "
    r"<--- (?P<way>Received|Transmitting) SIP (?:request|response) \(\d+ bytes\) "
    r"(?:from|to) \w+:(?P<peer>\S+) --->\n",
    re.MULTILINE,
)
_FIELD = re.compile(r"^(Call-ID|CSeq|From|To|Via|Event): *(.*?)\r?$", re.MULTILINE)
_USER = re.compile(r"sips?:([^@>;]*)@")
FIRST, LAST = 6001, 6999
"""Numbers of dialer ports."""

Call = dict[str, Any]
"""A call as the demo PBX's log has it (`telephony/demo_pbx/call_log.py`), those fields that both know."""


@dataclass(frozen=True, slots=True)
class Message:
    """`at`: ms since 1970. `code`: of a response, 0 of a request."""

    at: float
    is_received: bool
    peer: str
    code: int
    method: str
    number: int
    """CSeq."""
    call_id: str
    branch: str
    sender: str
    """User part of From."""
    target: str
    """User part of To."""

    def __str__(self) -> str:
        way = "from" if self.is_received else "to"
        return (
            f"{self.method} {self.code or ''} {way} {self.peer}, Call-ID {self.call_id}, CSeq {self.number}"
        )


def read(log: Path) -> list[Message]:
    """All messages of the log so far, in order."""
    return list(_messages(log.read_text(errors="replace"))) if log.exists() else []


def _messages(text: str) -> Iterator[Message]:
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        body = text[head.end() : end]
        fields: dict[str, str] = {}
        for name, value in _FIELD.findall(body.partition("\n\n")[0].replace("\r", "")):
            fields.setdefault(name, value)
        first = body.split(None, 2)
        if len(first) < 2 or "CSeq" not in fields:
            continue  # a keep-alive
        number, _, method = fields["CSeq"].partition(" ")
        yield Message(
            at=datetime.fromisoformat(head["at"]).replace(tzinfo=UTC).timestamp() * 1000,
            is_received=head["way"] == "Received",
            peer=head["peer"],
            code=int(first[1]) if first[0].startswith("SIP/") else 0,
            method=method.strip(),
            number=int(number),
            call_id=fields.get("Call-ID", ""),
            branch=_branch(fields.get("Via", "")),
            sender=_user(fields.get("From", "")),
            target=_user(fields.get("To", "")),
        )


def _branch(via: str) -> str:
    return via.partition("branch=")[2].partition(";")[0]


def _user(field: str) -> str:
    found = _USER.search(field)
    return found[1] if found else ""


def dialer_calls(messages: Iterable[Message]) -> dict[str, list[Message]]:
    """By Call-ID, the messages of each call that a dialer port made."""
    found: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        is_new = message.method == "INVITE" and not message.code and message.is_received
        if message.call_id in found or (is_new and _is_port(message.sender)):
            found[message.call_id].append(message)
    return found


def _is_port(user: str) -> bool:
    return user.isdecimal() and FIRST <= int(user) <= LAST


def call_of(said: list[Message]) -> Call:
    """The call that these messages were, in the demo PBX's words; `ended_at` is None while it is up. One that its port
    did not sign (a 401 and no more) ended there, and nobody was called."""
    first = said[0]
    invites = [message for message in said if message.method == "INVITE"]
    refused = [message for message in invites if message.code >= 300]
    rejected = [message for message in refused if message.code not in ASKS_FOR_PASSWORD]
    answered = [message for message in invites if message.code == 200]
    is_signed = any(message.number > first.number for message in invites)
    byes = _requests(said, "BYE")
    refers = _requests(said, "REFER")
    ends = rejected or byes or ([] if is_signed else refused)
    return {
        "call_id": first.call_id,
        "user": first.sender,
        "number": first.target,
        "invite_at": first.at,
        "answered_at": answered[0].at if answered else None,
        "transfer_at": refers[0].at if refers else None,
        "ended_at": ends[0].at if ends else None,
        "sip_code": rejected[0].code if rejected else 200 if answered else None,
    }


def _requests(said: list[Message], method: str) -> list[Message]:
    return [message for message in said if message.method == method and not message.code]


ASKS_FOR_PASSWORD = {401, 407}
# What a dialer port may say, and what Asterisk may say to it, when all goes well.
REQUESTS = {
    True: {"REGISTER", "INVITE", "ACK", "CANCEL", "REFER", "BYE", "OPTIONS"},
    False: {"NOTIFY", "BYE", "OPTIONS", "UPDATE", "INVITE", "ACK"},
}
FINE = {
    "REGISTER": {200, 401},
    "INVITE": {100, 180, 183, 200, 401, 486, 487, 403, 404, 503},
    "CANCEL": {200},
    "REFER": {202, 401},
    "BYE": {200, 401},
    "NOTIFY": {200},
    "OPTIONS": {200, 401},
    "UPDATE": {200},
}


def unexpected(messages: Iterable[Message]) -> list[str]:
    """Messages of the dialer's calls that should not be: refusals, and requests that neither side has to send. What is
    said to a request that was answered before is no surprise: the request came twice."""
    wrong, answered = [], set()
    for message in messages:
        if not message.code:
            is_fine = message.method in REQUESTS[message.is_received]
        else:
            asked = (message.method, message.number, message.branch, message.call_id)
            is_fine = asked in answered or message.code in FINE.get(message.method, set())
            if message.code >= 200:
                answered.add(asked)
        if not is_fine:
            wrong.append(str(message))
    return wrong


def repeated(messages: Iterable[Message]) -> list[str]:
    """Requests and final responses that came again: the first one was lost, or answered too late."""
    seen = Counter(
        (m.is_received, m.code, m.method, m.number, m.branch, m.call_id)
        for m in messages
        if not 100 <= m.code < 200
    )
    return [
        f"{method} {code or 'request'} of {call}"
        for (_, code, method, _, _, call), n in seen.items()
        if n > 1
    ]
