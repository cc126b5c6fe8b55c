"""A blind transfer of one customer: the subscription of a REFER and its NOTIFYs (RFC 3515, RFC 6665)."""

from typing import TYPE_CHECKING, Final

from .call_log import wall_ms
from .destinations import Destination
from .messages import PHRASES

if TYPE_CHECKING:
    from .call import Call

ABANDONED: Final = 487  # the customer hung up before anyone answered


class Transfer:
    """The customer on the way to a pilot number. It goes on when the dialer's leg has ended."""

    def __init__(self, call: "Call", target: str) -> None:
        self.key = f"{call.record.number}/{call.record.call_count}"
        self.holds_customer = True
        self._call = call
        self._target = target
        self._destination: Destination | None = call.exchange.pilots.get(target)
        self._is_connected = False
        self._notified_trying = False
        record = call.record
        record.transferred_to, record.transfer_at, record.transfer_result = target, wall_ms(), "waiting"

    def start(self) -> None:
        """Leave the dialer's leg and enter the queue or the IVR."""
        self._call.customer_leaves()
        if self._call.exchange.config.behaviour == "rfc":
            self._notify_trying()
        if self._destination is None:
            self.refused(404)
        else:
            self._destination.enter(self)

    # What the destination says (destinations.Caller)

    def connected(self, agent: str | None) -> None:
        self._is_connected = True
        self._call.record.agent = agent
        self._finish("connected", 200)
        self._call.transfer_done()

    def refused(self, sip_code: int) -> None:
        self.holds_customer = False
        self._finish(str(sip_code), sip_code)
        self._call.customer_returns()

    def released(self) -> None:
        if self.holds_customer:
            self.holds_customer = False
            self._log("released", 200)

    # What the customer does

    def customer_hangs_up(self) -> None:
        self.holds_customer = False
        if self._destination is not None:
            self._destination.leave(self)
        if self._is_connected:
            self._log("released", 200)
            return
        self._finish(str(ABANDONED), ABANDONED)
        self._call.hang_up("customer")

    # The subscription

    def _finish(self, result: str, sip_code: int) -> None:
        self._call.record.transfer_result = result
        self._call.exchange.transfers[result] += 1
        self._log(result, sip_code)
        if not self._notified_trying:
            self._notify_trying()
        self._notify(sip_code, "terminated;reason=noresource")

    def _notify_trying(self) -> None:
        self._notified_trying = True
        self._notify(100, "active;expires=60")

    def _notify(self, sip_code: int, state: str) -> None:
        """NOTIFY with the response as its body; the peer's answer changes nothing, be it 481 or silence."""
        call = self._call
        if call.dialog.key not in call.exchange.calls:
            return  # the dialer's leg has ended, and the subscription with it
        extra = (("Event", "refer"), ("Subscription-State", state))
        body = f"SIP/2.0 {sip_code} {PHRASES.get(sip_code, 'Failed')}\r\n".encode()
        call.exchange.transactions.request(
            lambda branch: call.dialog.request("NOTIFY", branch, call.exchange.sent_by, extra, body),
            call.dialog.destination,
            lambda _code: None,
        )

    def _log(self, result: str, sip_code: int) -> None:
        record = self._call.record
        self._call.exchange.log.write(
            "transfer",
            call_id=record.call_id,
            number=record.number,
            target=self._target,
            result=result,
            agent=record.agent,
            sip_code=sip_code,
        )
