"""SIP transactions over UDP (RFC 3261 section 17): what was heard twice is answered again, not done again."""

import asyncio
import secrets
from collections.abc import Callable

from sipmessage import Response

from .config import TimerConfig
from .messages import MAGIC_COOKIE, Endpoint, Incoming, make_response

Send = Callable[[bytes, Endpoint], None]


class ServerTransaction:
    """One request of the peer and the responses to it (RFC 3261 section 17.2).

    For INVITE every final response is repeated until the ACK comes: the non-2xx by timer G of section 17.2.1,
    the 2xx by the same schedule, which section 13.3.1.4 leaves to the user agent.
    """

    def __init__(self, layer: "Transactions", incoming: Incoming) -> None:
        self.incoming = incoming
        self.final_code: int | None = None
        self.on_no_ack: Callable[[], None] | None = None
        self._layer = layer
        self._last: bytes | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self.waits_for_ack = False

    @property
    def names(self) -> tuple[str, str, int] | None:
        """What the ACK of a refused INVITE repeats; None for all other transactions."""
        incoming = self.incoming
        return (incoming.call_id, incoming.from_tag, incoming.cseq.sequence) if self.is_invite else None

    @property
    def is_invite(self) -> bool:
        return self.incoming.method == "INVITE"

    def reply(
        self,
        code: int,
        *,
        local_tag: str | None = None,
        extra: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> None:
        """Answer; after a final response nothing else is sent but its repetitions."""
        if self.final_code is not None:
            return
        if local_tag is None and code > 100:
            local_tag = secrets.token_hex(6)
        request, source = self.incoming.request, self.incoming.source
        response = make_response(request, source, code, local_tag=local_tag, extra=extra, body=body)
        self._last = bytes(response)
        self.repeat()
        if code >= 200:
            self._complete(code)

    def repeat(self) -> None:
        """Send the last response (again)."""
        if self._last is not None:
            self._layer.send(self._last, self.incoming.reply_to)

    def acknowledge(self) -> None:
        """The ACK came: stop repeating."""
        if self.waits_for_ack:
            self.waits_for_ack = False
            self._cancel_timers()
            # Absorbs repetitions of the INVITE and the ACK that are still on their way (timers I and L).
            self._timers = [self._layer.later(64 * self._layer.timers.t1_s, self._end)]

    def _complete(self, code: int) -> None:
        self.final_code = code
        timers = self._layer.timers
        self._timers.append(self._layer.later(64 * timers.t1_s, self._time_out))
        if self.is_invite:
            self.waits_for_ack = True
            self._timers.append(self._layer.later(timers.t1_s, self._retransmit, timers.t1_s))

    def _retransmit(self, interval: float) -> None:
        self.repeat()
        self._layer.responses_repeated += 1
        interval = min(2 * interval, self._layer.timers.t2_s)
        self._timers[-1] = self._layer.later(interval, self._retransmit, interval)

    def _time_out(self) -> None:
        """Timer H or J: 64*T1 are over."""
        unacknowledged, self.waits_for_ack = self.waits_for_ack, False
        self._end()
        if unacknowledged:
            self._layer.finals_without_ack += 1
            if self.on_no_ack is not None:
                self.on_no_ack()

    def _end(self) -> None:
        self._cancel_timers()
        self._layer.forget(self)

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []


class ClientTransaction:
    """One request of the PBX within a dialog, never an INVITE (RFC 3261 section 17.1.2)."""

    def __init__(
        self,
        layer: "Transactions",
        branch: str,
        data: bytes,
        destination: Endpoint,
        on_final: Callable[[int | None], None],
    ) -> None:
        self._layer = layer
        self._branch = branch
        self._data = data
        self._destination = destination
        self._on_final = on_final
        timers = layer.timers
        self._deadline = layer.later(64 * timers.t1_s, self.finish, None)  # timer F
        self._retry = layer.later(timers.t1_s, self._retransmit, timers.t1_s)  # timer E
        layer.send(data, destination)

    def receive(self, code: int) -> None:
        if code >= 200:
            self.finish(code)

    def _retransmit(self, interval: float) -> None:
        self._layer.send(self._data, self._destination)
        self._layer.requests_repeated += 1
        interval = min(2 * interval, self._layer.timers.t2_s)
        self._retry = self._layer.later(interval, self._retransmit, interval)

    def finish(self, code: int | None) -> None:
        """The final response came, or None: nobody answered."""
        self._retry.cancel()
        self._deadline.cancel()
        self._layer.forget_client(self._branch)
        self._on_final(code)


class Transactions:
    """All transactions that are under way, by key. `later` is the loop's `call_later`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timers: TimerConfig, send: Send) -> None:
        self.send = send
        self.timers = timers
        self.later = loop.call_later
        self.requests_absorbed = 0
        self.responses_repeated = 0
        self.requests_repeated = 0
        self.finals_without_ack = 0
        self._servers: dict[tuple[str, str], ServerTransaction] = {}
        self._clients: dict[str, ClientTransaction] = {}

    def receive(self, incoming: Incoming) -> ServerTransaction | None:
        """The transaction of a new request; None when it was heard before and is answered already."""
        key = (incoming.key, incoming.method)
        known = self._servers.get(key)
        if known is not None:
            self.requests_absorbed += 1
            known.repeat()
            return None
        transaction = ServerTransaction(self, incoming)
        self._servers[key] = transaction
        return transaction

    def invite_of(self, incoming: Incoming) -> ServerTransaction | None:
        """The INVITE that a CANCEL, or the ACK of a non-2xx, belongs to (RFC 3261 section 9.2, 17.2.3)."""
        return self._servers.get((incoming.key, "INVITE"))

    def acknowledge(self, incoming: Incoming) -> bool:
        """An ACK; True when it was for a final response other than 2xx, and is done with.

        Some peers (sipp's scenarios) give that ACK a branch of its own: then Call-ID and CSeq tell.
        """
        transaction = self.invite_of(incoming)
        if transaction is None:
            names = (incoming.call_id, incoming.from_tag, incoming.cseq.sequence)
            transaction = next((one for one in self._servers.values() if one.names == names), None)
        if transaction is None or (transaction.final_code or 0) < 300:
            return False
        transaction.acknowledge()
        return True

    def receive_response(self, response: Response) -> None:
        """Responses that belong to nothing are dropped, as RFC 3261 section 18.1.2 wants."""
        via = response.via
        branch = via[0].parameters.get("branch") if via else None
        client = self._clients.get(branch or "")
        if client is not None:
            client.receive(response.code)

    def request(
        self,
        build: Callable[[str], bytes],
        destination: Endpoint,
        on_final: Callable[[int | None], None],
    ) -> None:
        """Send a request; `build` gets the branch of its Via. `on_final` hears the final code, or None."""
        branch = MAGIC_COOKIE + secrets.token_hex(8)
        self._clients[branch] = ClientTransaction(self, branch, build(branch), destination, on_final)

    def forget(self, transaction: ServerTransaction) -> None:
        incoming = transaction.incoming
        self._servers.pop((incoming.key, incoming.method), None)

    def forget_client(self, branch: str) -> None:
        self._clients.pop(branch, None)

    @property
    def under_way(self) -> int:
        """Requests of the PBX that wait for their response (for the leak counters)."""
        return len(self._clients)
