"""One call from a dialer port to a customer: rings, answers or refuses, talks, is transferred, ends."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

from .call_log import CallRecord, wall_ms
from .customers import GONE_WHILE_RINGING, UNAVAILABLE, CustomerPlan, Refusal
from .dialog import Dialog
from .exchange import Exchange
from .media import MediaStream
from .messages import ALLOW
from .sdp import AudioSession, parse_session, write_answer, write_offer
from .transactions import ServerTransaction
from .transfer import Transfer

NORMAL_CLEARING = ("Reason", 'Q.850;cause=16;text="Normal Clearing"')


class CallState(Enum):
    RINGING = auto()
    ANSWERED = auto()
    ENDED = auto()


class Call:
    """The INVITE dialog with the dialer and the customer at its other end.

    The customer may outlive the dialog: a transfer takes them along (`transfer.Transfer`).
    """

    def __init__(
        self,
        exchange: Exchange,
        invite: ServerTransaction,
        dialog: Dialog,
        plan: CustomerPlan,
        record: CallRecord,
        offer: AudioSession | None,
    ) -> None:
        self.exchange = exchange
        self.dialog = dialog
        self.record = record
        self.state = CallState.RINGING
        self.transfer: Transfer | None = None
        self._plan = plan
        self._invite = invite
        self._offer = offer
        self._stream: MediaStream | None = None
        self._session_version = 1
        self._timer: asyncio.TimerHandle | None = None
        self._hangs_up_after_ack: str | None = None

    def belongs_to(self, invite: ServerTransaction) -> bool:
        """Whether this is the INVITE that the call stands on (not the one that was challenged before it)."""
        return self._invite is invite

    # Ringing

    def start(self) -> None:
        """Ring, and let the customer decide when their time comes."""
        if self._plan.early_media:
            self._play_early()
        elif self._plan.rings:
            self.record.ringing_at = wall_ms()
            self._invite.reply(180, local_tag=self.dialog.local_tag, extra=self._dialog_headers())
        self._later(self._plan.decides_after_s, self._decide)

    def _decide(self) -> None:
        if self._plan.refusal is None:
            self._answer()
        else:
            self._refuse(self._plan.refusal)

    def _refuse(self, refusal: Refusal, ended_by: str = "rejected") -> None:
        extra = [("Reason", f"Q.850;cause={refusal.q850_cause}")]
        retry_after_s = self.exchange.config.customers.retry_after_s
        if refusal is UNAVAILABLE and retry_after_s:
            extra.append(("Retry-After", f"{retry_after_s:.0f}"))
        self.record.q850_cause = refusal.q850_cause
        self._end(refusal.sip_code, ended_by)
        self._invite.reply(refusal.sip_code, local_tag=self.dialog.local_tag, extra=tuple(extra))

    def cancel(self) -> None:
        """The dialer gave up ringing: CANCEL, or BYE before the answer (RFC 3261 sections 9.2, 15)."""
        if self.state is CallState.RINGING:
            self._end(487, "dialer")
            self._invite.reply(487, local_tag=self.dialog.local_tag)

    def _play_early(self) -> None:
        """183 with the answer to the offer, and sound before anyone has answered (RFC 3960)."""
        exchange = self.exchange
        stream = self._open_stream()
        stream.play(exchange.voices.early_track(self._plan))
        self._invite.reply(
            183,
            local_tag=self.dialog.local_tag,
            extra=self._dialog_headers(),
            body=self._session(self._offer),
        )
        exchange.media.add(stream)

    # Talking

    def _open_stream(self) -> MediaStream:
        stream = self._stream = MediaStream(self.exchange.config.host, self.exchange.loop)
        if self._offer is not None:
            stream.direct(self._offer)
        return stream

    def _answer(self) -> None:
        exchange = self.exchange
        stream = self._open_stream()
        stream.play(exchange.voices.track(self._plan))
        self.state = CallState.ANSWERED
        self.record.answered_at = wall_ms()
        self._invite.on_no_ack = self._never_acknowledged
        self._invite.reply(
            200,
            local_tag=self.dialog.local_tag,
            extra=self._dialog_headers(),
            body=self._session(self._offer),
        )
        exchange.media.add(stream)
        self.wait_for_patience()

    def wait_for_patience(self) -> None:
        """The customer stays on the line as long as they have patience."""
        self._later(self._plan.hang_up_after_s, self.customer_hangs_up)

    def acknowledge(self, body: bytes) -> None:
        """The ACK of the 200; it carries the answer when the offer was ours."""
        self._invite.acknowledge()
        if self._hangs_up_after_ack is not None:
            self.hang_up(self._hangs_up_after_ack)
        elif self._offer is None and body and self._stream is not None:
            try:
                self._stream.direct(parse_session(body))
            except ValueError:
                self.hang_up("pbx")

    def _never_acknowledged(self) -> None:
        """RFC 3261 section 13.3.1.4: no ACK in 64*T1, so the session is torn down."""
        self.hang_up("pbx")

    def reinvite(self, transaction: ServerTransaction) -> None:
        """A new offer within the call: hold, another address (RFC 3261 section 14.2)."""
        if self.state is not CallState.ANSWERED or self._stream is None:
            transaction.reply(491, local_tag=self.dialog.local_tag)
            return
        body = transaction.incoming.request.body
        try:
            offer = parse_session(body) if body else None
        except ValueError:
            transaction.reply(488, local_tag=self.dialog.local_tag)
            return
        self.dialog.refresh_target(transaction.incoming)
        self._session_version += 1
        if offer is not None:
            self._stream.direct(offer)
        self._offer = offer
        self._invite = transaction
        transaction.on_no_ack = self._never_acknowledged
        transaction.reply(
            200, local_tag=self.dialog.local_tag, extra=self._dialog_headers(), body=self._session(offer)
        )

    def _session(self, offer: AudioSession | None) -> bytes:
        assert self._stream is not None
        host, port = self.exchange.config.host, self._stream.port
        if offer is None:
            return write_offer(host, port, self._session_version)
        return write_answer(offer, host, port, self._session_version)

    # Transfer

    def refer(self, transaction: ServerTransaction, target: str) -> None:
        """REFER of an answered call to a pilot number (RFC 3515)."""
        tag = self.dialog.local_tag
        code = self._refer_code(target)
        if code != 202:
            transaction.reply(code, local_tag=tag)
            return
        extra = (("Contact", self.exchange.contact), ("Expires", "60"))
        transaction.reply(202, local_tag=tag, extra=extra)
        self.dialog.refresh_target(transaction.incoming)
        self.transfer = Transfer(self, target)
        self.transfer.start()

    def _refer_code(self, target: str) -> int:
        config = self.exchange.config
        if self.state is not CallState.ANSWERED or self._has_left:
            return 603
        if target in config.refused_targets:
            return config.refused_targets[target]
        if config.behaviour == "asterisk" and target not in self.exchange.pilots:
            return 404
        return 202

    @property
    def _has_left(self) -> bool:
        """Whether a transfer has taken the customer away from this leg."""
        return self.transfer is not None and self.transfer.holds_customer

    def customer_leaves(self) -> None:
        """The transfer has them now: this leg hears nothing more."""
        self._cancel_timer()
        if self._stream is not None:
            self._stream.mute(True)

    def customer_returns(self) -> None:
        """The transfer failed: they are back on this leg, if it is still up."""
        if self.state is not CallState.ANSWERED:
            return
        if self._stream is not None:
            self._stream.mute(False)
        self.wait_for_patience()

    def transfer_done(self) -> None:
        """Asterisk keeps the dialer's leg for 60 s when no BYE comes after the final NOTIFY (measured)."""
        if self.state is CallState.ANSWERED:
            self._later(self.exchange.config.bridge_hang_up_s, partial(self.hang_up, "pbx"))

    # The end

    def customer_hangs_up(self) -> None:
        """Whatever the call is doing, the customer is gone."""
        if self.transfer is not None and self.transfer.holds_customer:
            self.transfer.customer_hangs_up()
        elif self.state is CallState.RINGING:
            self._refuse(GONE_WHILE_RINGING, "customer")
        else:
            self.hang_up("customer")

    def hang_up(self, ended_by: str) -> None:
        """The PBX's BYE, but not before the ACK of the 200 or the end of its wait (RFC 3261 section 15)."""
        if self.state is not CallState.ANSWERED:
            return
        if self._invite.waits_for_ack:
            self._hangs_up_after_ack = ended_by
            return
        dialog, exchange = self.dialog, self.exchange
        self._end(200, ended_by)
        exchange.transactions.request(
            lambda branch: dialog.request("BYE", branch, exchange.sent_by, (NORMAL_CLEARING,)),
            dialog.destination,
            lambda _code: None,
        )

    def shut_down(self) -> None:
        """The PBX is being stopped."""
        if self.state is CallState.RINGING:
            self._refuse(UNAVAILABLE, "pbx")
        else:
            self._invite.acknowledge()
            self.hang_up("pbx")

    def bye(self) -> None:
        """The dialer hung up. A transferred customer stays where they are."""
        if self.state is CallState.RINGING:
            self.cancel()
        elif self.state is CallState.ANSWERED:
            self._invite.acknowledge()
            self._end(200, "dialer")

    def _end(self, sip_code: int, ended_by: str) -> None:
        """Write the call down. The dialer is told after that, so whoever hears of the end finds it in the log."""
        self.state = CallState.ENDED
        self._cancel_timer()
        self.exchange.calls.pop(self.dialog.key, None)
        record = self.record
        if self._stream is not None:
            self.exchange.media.remove(self._stream)
            self._stream.close()
            record.rtp_in, record.rtp_out = self._stream.packets_in, self._stream.packets_out
        record.sip_code, record.ended_by, record.ended_at = sip_code, ended_by, wall_ms()
        self.exchange.publish({"type": "call", **self.exchange.log.end_call(record)})

    # Small things

    def _dialog_headers(self) -> tuple[tuple[str, str], ...]:
        request = self._invite.incoming.request
        routes = tuple(("Record-Route", value) for value in request.headers.getlist("Record-Route"))
        return (*routes, ("Contact", self.exchange.contact), ("Allow", ALLOW))

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self.exchange.loop.call_later(seconds, step)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
