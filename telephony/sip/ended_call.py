"""What a call leaves behind for 64*T1: late answers to its INVITE are acknowledged, late requests answered.

A hundred calls a second that lived on whole would hold a hundred megabytes.
"""

from sipmessage import Response

from .dialog import Dialog
from .exchange import Exchange, Ignore
from .message import Envelope, serialize
from .transaction_layer import Failure, ServerTransaction, TransactionLayer
from .transport import Destination


class EndedCall:
    """The dialog's identity and the ACKs that were sent, by remote tag."""

    def __init__(
        self,
        layer: TransactionLayer,
        dialog: Dialog | None,
        acks: dict[str, tuple[bytes, Destination]],
        invite: Exchange | None,
        *,
        transferred: bool,
    ) -> None:
        self._layer = layer
        self._dialog = dialog
        self._acks = acks
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
        tag = response.to_tag or ""
        if tag not in self._acks and self._invite is not None:
            dialog = Dialog.from_response(self._invite.request, response)
            hop = self._invite.destination
            ack = self._layer.send_ack(dialog.request("ACK", cseq=response.cseq), hop)
            self._acks[tag] = (serialize(ack), hop)
            self._layer.send_request(dialog.request("BYE"), hop, Ignore())
        elif tag in self._acks:
            data, hop = self._acks[tag]
            self._layer.transport_of(hop).send(data, hop)

    def on_failure(self, failure: Failure, text: str) -> None:
        pass

    def close(self) -> None:
        """An INVITE whose CANCEL was answered but it itself never, is not waited for any longer (section 9.1)."""
        if self._invite is not None and self._invite.waiting:
            self._layer.forget_client(self._invite)
