"""The 2xx to one INVITE: each is acknowledged, however often it comes, and branches that nobody talks to are ended
(RFC 3261 section 13.2.2.4, RFC 6026)."""

import logging

from sipmessage import Request

from .dialog import Dialog
from .digest import DigestSession
from .exchange import Exchange, show_credentials
from .message import Envelope
from .running_transaction import Ignore
from .transaction_layer import TransactionLayer
from .transport import Destination

logger = logging.getLogger(__name__)

MAX_BRANCHES = (
    8  # a proxy that forks wider is unheard of; who forges answers with ever new tags gets no more of ours
)


class AnsweredBranches:
    """By the remote tag, the ACK that was sent, as bytes: they outlive the call (`ended_call`)."""

    def __init__(self, layer: TransactionLayer) -> None:
        self._layer = layer
        self._acks: dict[str, tuple[bytes, Destination] | None] = {}

    def take(self, response: Envelope) -> bool:
        """True: a new branch, to be acknowledged. A known one gets its ACK again here, one too many gets nothing."""
        tag = response.to_tag or ""
        if tag in self._acks:
            if (known := self._acks[tag]) is not None:
                data, hop = known
                self._layer.transport_of(hop).send(data, hop)
            return False
        if len(self._acks) >= MAX_BRANCHES:
            logger.info("call %s: more than %d answers, dropped", response.call_id, MAX_BRANCHES)
            return False
        self._acks[tag] = None
        return True

    def acknowledge(self, dialog: Dialog, invite: Request, response: Envelope, hop: Destination) -> None:
        ack = dialog.request("ACK", cseq=response.cseq)
        show_credentials(ack, invite)
        self._acks[dialog.remote_tag] = (self._layer.send_ack(ack, hop), hop)

    def end(self, dialog: Dialog, hop: Destination, digest: DigestSession | None = None) -> None:
        """BYE to a branch that was acknowledged."""
        bye = dialog.request("BYE")
        Exchange(self._layer, bye, hop, Ignore(), digest=digest, next_cseq=dialog.next_cseq).send()
