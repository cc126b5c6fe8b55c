"""The 2xx to one INVITE: each is acknowledged, however often it comes, and branches that nobody talks to are ended
(RFC 3261 section 13.2.2.4, RFC 6026)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sipmessage import Request

from .dialog import Dialog
from .dialog_requests import DialogRequest, NextHop
from .digest import DigestSession
from .exchange import show_credentials
from .message import Envelope
from .running_transaction import Ignore
from .transaction_layer import TransactionLayer
from .transport import Destination

logger = logging.getLogger(__name__)

MAX_BRANCHES = (
    8  # a proxy that forks wider is unheard of; who forges answers with ever new tags gets no more of ours
)


REPEATS_A_PLACE = 2
"""An ACK may be lost once; a 2xx that still comes again says that nobody is there to take it."""


@dataclass(slots=True)
class _Ack:
    """As bytes, for each place that may take it: they outlive the call (`ended_call`)."""

    copies: Sequence[tuple[bytes, Destination]]
    repeats: int = 0


class AnsweredBranches:
    """By the remote tag, the ACK that was sent; None while its place is looked up."""

    def __init__(self, layer: TransactionLayer) -> None:
        self._layer = layer
        self._acks: dict[str, _Ack | None] = {}

    def take(self, response: Envelope) -> bool:
        """True: a new branch, to be acknowledged. A known one gets its ACK again here, one too many gets nothing."""
        tag = response.to_tag or ""
        if tag in self._acks:
            if (known := self._acks[tag]) is not None:
                known.repeats += 1
                data, place = known.copies[known.repeats // REPEATS_A_PLACE % len(known.copies)]
                self._layer.transport_of(place).send(data, place)
            return False
        if len(self._acks) >= MAX_BRANCHES:
            logger.info("call %s: more than %d answers, dropped", response.call_id, MAX_BRANCHES)
            return False
        self._acks[tag] = None
        return True

    def acknowledge(self, dialog: Dialog, invite: Request, response: Envelope, hop: NextHop) -> None:
        """As soon as it is known where."""
        ack = dialog.request("ACK", cseq=response.cseq)
        show_credentials(ack, invite)

        def send() -> None:
            copies = [(self._layer.as_sent(ack, place), place) for place in hop.places]
            self._acks[dialog.remote_tag] = _Ack(copies)
            data, place = copies[0]
            self._layer.transport_of(place).send(data, place)

        hop.when_known(send)

    def end(self, dialog: Dialog, hop: NextHop, digest: DigestSession | None = None) -> None:
        """BYE to a branch that was acknowledged."""
        bye = dialog.request("BYE")
        DialogRequest(self._layer, bye, hop, Ignore(), digest=digest, next_cseq=dialog.next_cseq).send()
