"""Passing an answered call on: the REFER, asked again while the PBX is not ready, and the wait for what becomes of it."""

from collections.abc import Callable
from typing import Protocol

from telephony.sip.call import CallState, OutboundCall
from telephony.sip.transfer import Transfer, TransferState

UNTOLD_S = 30.0
"""An accepted transfer of which the PBX tells nothing at all (RFC 3515 asks for a NOTIFY at once): our leg is released."""
LONGEST_WAIT_S = 600.0
"""A transfer that the PBX has told to be under way: the person waits for an agent, and the PBX tells how that ends."""
AGAIN_AFTER_S = (0.15, 0.45, 1.0)  # a PBX may refuse for as long as it has not bridged the answered call
TOO_EARLY_CODES = frozenset({400, 491})  # Asterisk's words for it, in the NOTIFY; and a re-INVITE under way
SETTLE_S = 3.0  # a BYE may overtake the answer to the REFER


class Wait(Protocol):
    """Waits until something is true, `seconds` at most; looks whenever the call changes."""

    async def __call__(self, reached: Callable[[], bool], seconds: float) -> None: ...


class Passing:
    """The transfer of one answered call to `target`. `is_over`: nothing more is to be done for the call."""

    def __init__(
        self,
        call: OutboundCall,
        target: str,
        wait: Wait,
        is_over: Callable[[], bool],
        *,
        untold_s: float = UNTOLD_S,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self.transfer: Transfer | None = None
        """The last one asked for."""
        self._call = call
        self._target = target
        self._wait = wait
        self._is_over = is_over
        self._untold_s = untold_s
        self._longest_wait_s = longest_wait_s
        self._words = 0  # about the transfer: the answer to the REFER, and NOTIFYs

    async def carry_out(self) -> bool:
        """True: the PBX has taken the person over, or takes them on its way."""
        transfer = await self._refer()
        for pause in AGAIN_AFTER_S:
            if transfer.failure_code not in TOO_EARLY_CODES:
                break
            await self._wait(self._is_over, pause)
            if self._is_over() or self._call.state is not CallState.ANSWERED:
                break
            transfer = await self._refer()
        return self.has_succeeded

    @property
    def has_succeeded(self) -> bool:
        return self.transfer is not None and self.transfer.state in (
            TransferState.ACCEPTED,
            TransferState.SUCCEEDED,
        )

    def heard(self, transfer: Transfer) -> None:
        """The answer to the REFER, or a NOTIFY."""
        if transfer is self.transfer:
            self._words += 1

    async def _refer(self) -> Transfer:
        """One REFER, and what becomes of it until its end, the call's, or the longest wait."""
        self._words = 0
        self.transfer = transfer = self._call.refer(self._target)

        def is_done() -> bool:
            return transfer.settled or self._is_over()

        await self._wait(lambda: is_done() or self._is_told(transfer), self._untold_s)
        if self._is_told(transfer):
            await self._wait(is_done, self._longest_wait_s)
        if transfer.state is TransferState.PENDING and self._is_over():
            await self._wait(lambda: transfer.state is not TransferState.PENDING, SETTLE_S)
        return transfer

    def _is_told(self, transfer: Transfer) -> bool:
        """The PBX sends NOTIFYs of it: there was more than the answer to the REFER."""
        return self._words > (transfer.accepted_code is not None)
