"""The dialogs of an INVITE before its answer: provisional responses that are to be confirmed (RFC 3262), and what the
peer may ask already (RFC 3261 section 12.1)."""

from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import Request

from .dialog import Dialog
from .message import Envelope

MAX_EARLY_DIALOGS = 8
RSEQ = range(1, 2**32)  # RFC 3262 section 7.1


@dataclass(slots=True)
class _Early:
    dialog: Dialog
    last: int | None = None  # RSeq
    has_answer: bool = False


class EarlyDialogs:
    """Of one INVITE, by the peer's tag."""

    def __init__(self) -> None:
        self._early: dict[str, _Early] = {}

    def take(self, response: Envelope, invite: Request, send: Callable[[Request, Dialog], None]) -> bool:
        """False: a repetition, or one that came too early; nothing is to be made of it (RFC 3262 section 4). `send`
        takes the PRACK with its dialog."""
        tag = response.to_tag
        if tag is None:
            return True
        early, number = self._early.get(tag), _number(response)
        if early is None:
            if len(self._early) >= MAX_EARLY_DIALOGS:
                return number is None
            early = self._early[tag] = _Early(Dialog.from_response(invite, response))
        if number is None:
            return True
        if early.last is not None and number != early.last + 1:
            return False
        early.last = number
        early.has_answer |= bool(response.message.body)
        prack = early.dialog.request("PRACK")
        prack.headers.set("RAck", f"{number} {response.cseq} INVITE")
        send(prack, early.dialog)
        return True

    def dialog_of(self, request: Envelope) -> Dialog | None:
        """The one to which a request of the peer belongs."""
        early = self._early.get(request.from_tag or "")
        return early.dialog if early is not None and early.dialog.matches(request) else None

    def has_answer(self, dialog: Dialog) -> bool:
        """Our offer was answered there, by a response that we confirmed: others may follow (RFC 3311 section 5.1)."""
        early = self._early.get(dialog.remote_tag)
        return early is not None and early.has_answer

    def continue_in(self, dialog: Dialog) -> None:
        """The answered dialog counts on where its early one was (RFC 3261 section 12.2.1.1)."""
        early = self._early.get(dialog.remote_tag)
        if early is not None:
            dialog.local_cseq = max(dialog.local_cseq, early.dialog.local_cseq)
            dialog.remote_cseq = early.dialog.remote_cseq


def _number(response: Envelope) -> int | None:
    """RSeq of a response that wants to be confirmed; None for any other."""
    text = response.header("RSeq") or ""
    if "100rel" not in response.tokens("Require") or not text.isdecimal() or len(text) > 10:
        return None
    return int(text) if int(text) in RSEQ else None
