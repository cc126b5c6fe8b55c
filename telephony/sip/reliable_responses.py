"""Provisional responses that the peer repeats until we confirm them with PRACK (RFC 3262)."""

from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import Request

from .dialog import Dialog
from .message import Envelope

MAX_EARLY_DIALOGS = 8
RSEQ = range(1, 2**32)  # section 7.1


@dataclass(slots=True)
class _Early:
    dialog: Dialog
    last: int


class ReliableResponses:
    """Of one INVITE, by early dialog."""

    def __init__(self) -> None:
        self._early: dict[str, _Early] = {}

    def take(self, response: Envelope, invite: Request, send: Callable[[Request, Dialog], None]) -> bool:
        """False: a repetition, or one that came too early; nothing is to be made of it (section 4). `send` takes the
        PRACK with its dialog."""
        number = _number(response)
        tag = response.to_tag
        if number is None or tag is None:
            return True
        early = self._early.get(tag)
        if early is None:
            if len(self._early) >= MAX_EARLY_DIALOGS:
                return False
            early = self._early[tag] = _Early(Dialog.from_response(invite, response), number)
        elif number != early.last + 1:
            return False
        early.last = number
        prack = early.dialog.request("PRACK")
        prack.headers.set("RAck", f"{number} {response.cseq} INVITE")
        send(prack, early.dialog)
        return True

    def continue_in(self, dialog: Dialog) -> None:
        """The answered dialog counts on where its early one was (RFC 3261 section 12.2.1.1)."""
        early = self._early.get(dialog.remote_tag)
        if early is not None:
            dialog.local_cseq = max(dialog.local_cseq, early.dialog.local_cseq)


def _number(response: Envelope) -> int | None:
    """RSeq of a response that wants to be confirmed; None for any other."""
    text = response.header("RSeq") or ""
    if "100rel" not in response.tokens("Require") or not text.isdecimal() or len(text) > 10:
        return None
    return int(text) if int(text) in RSEQ else None
