"""What a call leaves behind for 64*T1: late answers to its INVITE are acknowledged, late requests answered.

A hundred calls a second that lived on whole would hold a hundred megabytes.
"""

from sipmessage import Response

from .answered_branches import AnsweredBranches
from .dialog import Dialog
from .dialog_requests import NextHop
from .exchange import Exchange
from .message import Envelope
from .running_transaction import Failure, ServerTransaction
from .transaction_layer import TransactionLayer


class EndedCall:
    """The dialog's identity, and the branches that were acknowledged."""

    def __init__(
        self,
        layer: TransactionLayer,
        dialog: Dialog | None,
        branches: AnsweredBranches,
        invite: Exchange | None,
        *,
        transferred: bool,
    ) -> None:
        self._layer = layer
        self._dialog = dialog
        self._branches = branches
        self._invite = invite.transaction if invite is not None else None
        self._transferred = transferred
        if invite is not None:
            invite.hand_over(self)

    def matches(self, request: Envelope) -> bool:
        return self._dialog is not None and self._dialog.matches(request)

    def on_request(self, transaction: ServerTransaction) -> None:
        """A BYE that crossed ours, or a NOTIFY of the transfer; nothing else has a place any more."""
        expected = {"BYE"} | ({"NOTIFY"} if self._transferred else set())
        transaction.reply(200 if transaction.request.method in expected else 481)

    def on_response(self, response: Envelope) -> None:
        """A 2xx to the INVITE: known (RFC 6026), or of a branch that nobody talks to (section 13.2.2.4)."""
        message = response.message
        if not isinstance(message, Response) or not 200 <= message.code < 300:
            return
        if self._invite is not None and self._branches.take(response):
            invite, hop = self._invite.request, NextHop(self._invite.destination)
            dialog = Dialog.from_response(invite, response)
            self._branches.acknowledge(dialog, invite, response, hop)
            self._branches.end(dialog, hop)

    def on_failure(self, failure: Failure, text: str) -> None:
        pass

    def close(self) -> None:
        """An INVITE whose CANCEL was answered but it itself never, is not waited for any longer (section 9.1)."""
        if self._invite is not None and self._invite.waiting:
            self._layer.forget_client(self._invite)
