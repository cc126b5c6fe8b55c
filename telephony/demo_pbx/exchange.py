"""What all calls of the PBX share: configuration, transactions, media, log, the pilots, and counters."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .call_log import CallLog
from .config import DemoPbxConfig
from .destinations import Destination, Publish
from .dialog import DialogKey
from .media import MediaClock
from .transactions import Transactions
from .voices import Voices

if TYPE_CHECKING:
    from .call import Call


@dataclass(slots=True)
class Exchange:
    """One running PBX. `calls` holds the dialogs that are up, ringing ones included."""

    config: DemoPbxConfig
    loop: asyncio.AbstractEventLoop
    transactions: Transactions
    media: MediaClock
    log: CallLog
    voices: Voices
    publish: Publish
    sent_by: str  # host:port of the SIP socket
    pilots: dict[str, Destination] = field(default_factory=dict)
    calls: "dict[DialogKey, Call]" = field(default_factory=dict)
    call_counts: Counter[str] = field(default_factory=Counter)  # by number, since the start
    kinds: Counter[str] = field(default_factory=Counter)
    transfers: Counter[str] = field(default_factory=Counter)
    most_calls: int = 0
    most_calls_of_a_user: int = 0
    most_calls_to_a_number: int = 0

    @property
    def contact(self) -> str:
        return f"<sip:{self.sent_by}>"

    def count_peaks(self, user: str, number: str) -> None:
        """Remember how many calls were up at once: in all, of one port, and to one customer."""
        calls = self.calls.values()
        self.most_calls = max(self.most_calls, len(self.calls))
        of_user = sum(1 for call in calls if call.record.user == user)
        to_number = sum(1 for call in calls if call.record.number == number)
        self.most_calls_of_a_user = max(self.most_calls_of_a_user, of_user)
        self.most_calls_to_a_number = max(self.most_calls_to_a_number, to_number)
