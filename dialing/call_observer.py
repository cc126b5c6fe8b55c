"""Who hears of a call as it goes."""

from typing import Protocol

from amd.cause import Cause


class Verdict(Protocol):
    """What an answering machine detector says; `amd.verdict.Verdict` is one."""

    @property
    def label(self) -> str: ...

    @property
    def cause(self) -> str: ...

    @property
    def why(self) -> Cause: ...

    @property
    def decision_ms(self) -> int: ...


class CallObserver(Protocol):
    """Hears of the call as it goes, on the loop; must not block."""

    def on_dialing(self) -> None: ...

    def on_invited(self, call_id: str) -> None: ...

    def on_ringing(self) -> None: ...

    def on_answered(self) -> None: ...

    def on_verdict(self, verdict: Verdict) -> None: ...

    def on_transferring(self) -> None: ...

    def on_transferred(self) -> None: ...


class SilentObserver:
    """An observer that does nothing; a base for those that want some of the events."""

    def on_dialing(self) -> None:
        pass

    def on_invited(self, call_id: str) -> None:
        pass

    def on_ringing(self) -> None:
        pass

    def on_answered(self) -> None:
        pass

    def on_verdict(self, verdict: Verdict) -> None:
        pass

    def on_transferring(self) -> None:
        pass

    def on_transferred(self) -> None:
        pass
