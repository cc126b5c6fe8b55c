"""What RFC 3550 counts about one source of packets: sequence (A.1), loss (A.3) and jitter (A.8). No I/O."""

MAX_MISORDER = 100
MAX_DROPOUT = 3000
LONGEST_STEP = 8000  # samples: transit that changes by a second is a new clock of the sender, no jitter
_WINDOW_BITS = 128
_WINDOW = (1 << _WINDOW_BITS) - 1


class Reception:
    """The packets of one SSRC, from the first one on. `jitter` is in samples.

    `in_order` may be counted up for a packet that plainly follows the last one; `settle` comes before `accept` then.
    """

    __slots__ = (
        "_accepted", "_base", "_highest", "_lost_before", "_received_before", "_reported", "_restart_at", "_seen",
        "_transit", "in_order", "jitter", "ssrc",
    )  # fmt: skip

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.in_order = 0
        self.jitter = 0.0
        self._accepted = 0
        self._lost_before = 0  # by runs of sequence numbers that are over
        self._reported = (0, 0)  # expected and received at the last report
        self._transit: float | None = None
        self._begin(sequence)

    def _begin(self, sequence: int) -> None:
        self._base = sequence
        self._highest = sequence - 1  # counts on over the wrap at 2**16
        self._received_before = self.received
        self._seen = 0
        self._restart_at: int | None = None

    def accept(self, sequence: int) -> bool:
        """False for a duplicate, and for a jump that nothing follows: two in a row begin the count anew (A.1)."""
        step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if step > MAX_DROPOUT or step < -MAX_MISORDER:
            if sequence != self._restart_at:
                self._restart_at = (sequence + 1) & 0xFFFF
                return False
            self._lost_before = self.lost
            self._begin(sequence)
            step = 1
        if step > 0:
            self._seen = ((self._seen << step) | 1) & _WINDOW
            self._highest += step
        else:
            bit = 1 << -step
            if self._seen & bit:
                return False
            self._seen |= bit
        self._accepted += 1
        return True

    @property
    def received(self) -> int:
        return self._accepted + self.in_order

    @property
    def next_sequence(self) -> int:
        """Of the packet that follows the highest."""
        return (self._highest + self.in_order + 1) & 0xFFFF

    def settle(self) -> int:
        """Enters those that came in order; their number."""
        run, self.in_order = self.in_order, 0
        if run:
            window = min(run, _WINDOW_BITS)
            self._seen = (self._seen << window | (1 << window) - 1) & _WINDOW
            self._highest += run
            self._accepted += run
        return run

    def time(self, arrival: float, timestamp: int) -> None:
        """An audio packet came at this time in seconds, of any clock that runs evenly."""
        transit = arrival * 8000 - timestamp
        if self._transit is not None:
            step = abs(transit - self._transit)
            if step < LONGEST_STEP:
                self.jitter += (step - self.jitter) / 16
        self._transit = transit

    @property
    def highest(self) -> int:
        """Highest sequence number with its count of wraps, as a report has it."""
        return (self._highest + self.in_order) & 0xFFFFFFFF

    @property
    def lost(self) -> int:
        """Packets that never came; one that is late counts until it is there."""
        in_this_run = self._highest - self._base + 1 - (self._accepted - self._received_before)
        return self._lost_before + max(0, in_this_run)

    def fraction_lost(self) -> int:
        """Of the packets since the last report, in 1/256 (A.3); begins the next span."""
        expected = self.received + self.lost
        expected_now = expected - self._reported[0]
        lost_now = expected_now - (self.received - self._reported[1])
        self._reported = (expected, self.received)
        return min(255, (lost_now << 8) // expected_now) if expected_now > 0 and lost_now > 0 else 0
