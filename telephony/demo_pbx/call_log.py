"""The PBX's own record of what it saw: JSON lines, flushed one by one, and the last calls in memory."""

import json
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TextIO

CALLS_IN_MEMORY: Final = 20_000


def wall_ms() -> int:
    """Milliseconds since 1970, the one clock of all lines."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class CallRecord:
    """One INVITE dialog, written at its end. Times in ms since 1970, `invite_at` is the first INVITE's arrival.

    `ended_by`: dialer, customer, pbx or rejected. `transfer_result`: waiting, connected, or the final SIP code
    as text; None without REFER. A transfer that is still waiting when the dialer's leg ends gets a
    `transfer` line of its own later.
    """

    user: str
    number: str
    customer: str
    call_count: int
    call_id: str
    invite_at: int
    ringing_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    sip_code: int | None = None
    q850_cause: int | None = None
    ended_by: str | None = None
    transferred_to: str | None = None
    transfer_at: int | None = None
    transfer_result: str | None = None
    agent: str | None = None
    rtp_in: int = 0
    rtp_out: int = 0


class CallLog:
    """Writes each line at once; without a file it only remembers."""

    def __init__(self, path: Path | None) -> None:
        self.calls: deque[dict[str, object]] = deque(maxlen=CALLS_IN_MEMORY)
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, **fields: object) -> None:
        """One line: `event`, `at` (ms) and the fields."""
        if self._file is not None:
            line = json.dumps({"event": event, "at": wall_ms(), **fields}, ensure_ascii=False)
            self._file.write(line + "\n")
            self._file.flush()

    def end_call(self, record: CallRecord) -> dict[str, object]:
        """Write the finished call; returns it as JSON for the events feed."""
        fields = asdict(record)
        self.calls.append(fields)
        self.write("call", **fields)
        return fields

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
