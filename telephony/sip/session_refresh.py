"""Our refreshes of a session: UPDATE where the peer takes it, else re-INVITE (RFC 4028 section 7.4, RFC 3311)."""

import random
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from sipmessage import Request, Response

from .dialog_requests import DialogRequest
from .exchange import show_credentials
from .message import Envelope, retry_after_of
from .running_transaction import Failure
from .session_timer import LONGEST_S, MIN_INTERVAL_S, SessionExpires, SessionTimer, min_se_of

if TYPE_CHECKING:
    from .call import OutboundCall

# RFC 3261 section 14.1: the owner of the Call-ID waits this long after a 491.
GLARE_PAUSE_S = (2.1, 4.0)
TRY_AGAIN_S = 10  # after a 5xx; the session's own end bounds the tries


class SessionRefresh:
    """Keeps one call's session alive. Also the transaction user of the refreshes."""

    def __init__(self, call: "OutboundCall") -> None:
        self._call = call
        guarded, me = call.layer.guarded, weakref.ref(self)  # the timer is ours: it must not hold us in turn

        def due(step: Callable[["SessionRefresh"], None]) -> None:
            if (us := me()) is not None:
                guarded(step, us)

        self.timer = SessionTimer(
            call.layer.scheduler,
            lambda: due(SessionRefresh._refresh),
            lambda: due(SessionRefresh._expired),
        )
        self.reinvite_pending = False
        self._peer_updates = False
        self._reinvite: DialogRequest | None = None
        self._ack: Request | None = None
        self._min_se = MIN_INTERVAL_S

    def answered(self, response: Envelope) -> None:
        """What the 2xx to our INVITE, or to a refresh, agreed on (section 7.2)."""
        agreed = SessionExpires.of(response)
        if response.message.headers.get("Allow") is not None:
            self._peer_updates = "update" in response.tokens("Allow")
        we_refresh = agreed is not None and agreed.refresher != "uas"
        self.timer.start(agreed, we_refresh=we_refresh)

    def requested(self, request: Envelope) -> dict[str, str]:
        """A re-INVITE or UPDATE of the peer refreshes; the headers of our 2xx (section 9)."""
        asked = SessionExpires.of(request)
        if asked is None:
            self.timer.start(None, we_refresh=False)
            return {}
        if asked.refresher is None:
            # The choice is ours: the peer when it can, for it asked.
            asked = SessionExpires(asked.seconds, "uac" if "timer" in request.tokens("Supported") else "uas")
        self.timer.start(asked, we_refresh=asked.refresher == "uas")
        headers = {"Session-Expires": str(asked)}
        if asked.refresher == "uac":
            headers["Require"] = "timer"
        return headers

    @staticmethod
    def too_short(request: Envelope) -> bool:
        """Below what we accept: 422 (section 9)."""
        asked = SessionExpires.of(request)
        return asked is not None and asked.seconds < MIN_INTERVAL_S and "timer" in request.tokens("Supported")

    def stop(self) -> None:
        self.timer.stop()

    def _refresh(self) -> None:
        call, agreed = self._call, self.timer.agreed
        if agreed is None or not call.in_session or self.reinvite_pending:
            return
        request = call.request("UPDATE" if self._peer_updates else "INVITE")
        request.headers.set("Supported", "timer, norefersub")
        seconds = max(agreed.seconds, self._min_se)
        request.headers.set("Session-Expires", f"{seconds};refresher=uac")
        request.headers.set("Min-SE", str(self._min_se))
        if request.method == "INVITE":
            self.reinvite_pending = True
            self._ack = None
            request.headers.set("Content-Type", "application/sdp")
            request.body = call.audio.offer()
        self._reinvite = call.send_in_dialog(request, self)

    def _expired(self) -> None:
        self._call.hang_up()

    def on_response(self, response: Envelope) -> None:
        message = response.message
        assert isinstance(message, Response)
        if message.code < 200:
            return
        if message.code < 300:
            self._refreshed(response)
            return
        self.reinvite_pending = False
        if not self._call.in_session:
            return
        if message.code in (408, 481):
            self._call.hang_up()  # RFC 3261 section 12.2.1.2: the dialog is gone
        elif message.code == 491:
            self.timer.retry(random.uniform(*GLARE_PAUSE_S))
        elif message.code == 422:
            self._lengthen(response)
        elif message.code in (405, 501) and response.method == "UPDATE":
            self._peer_updates = False
            self._refresh()
        elif message.code >= 500:
            self.timer.retry(max(retry_after_of(message) or 0, TRY_AGAIN_S))

    def _lengthen(self, response: Envelope) -> None:
        """The interval is too short for an element on the way (RFC 4028 section 7.3): again with what it asks."""
        least, agreed = min_se_of(response), self.timer.agreed
        if (
            least is not None
            and agreed is not None
            and max(agreed.seconds, self._min_se) < least <= LONGEST_S
        ):
            self._min_se = least
            self._refresh()

    def on_failure(self, failure: Failure, text: str) -> None:
        self.reinvite_pending = False
        if not self._call.in_session:
            return
        if failure is Failure.TRANSPORT:
            self.timer.retry(TRY_AGAIN_S)  # counts as a 503 (section 8.1.3.1): a PBX that starts again, say
        else:
            self._call.hang_up()

    def _refreshed(self, response: Envelope) -> None:
        if response.method == "INVITE":
            if self._ack is None:
                assert self._call.dialog is not None
                assert self._reinvite is not None
                self._ack = self._call.dialog.request("ACK", cseq=response.cseq)
                show_credentials(self._ack, self._reinvite.sent)
                self._call.audio.take_late_answer(response)
            self._call.send_ack(self._ack)
            if not self.reinvite_pending:
                return  # a retransmission
            self.reinvite_pending = False
        if self._call.dialog is not None and self._call.in_session:
            self._call.dialog.refresh_target(response)
            self.answered(response)
