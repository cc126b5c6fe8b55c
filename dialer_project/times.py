"""Times as the guide writes them: in the campaign's zone, with its UTC offset (`08:00 GMT-3`, G 6.4)."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.utils import formats


def offset_name(instant: datetime, zone: ZoneInfo) -> str:
    """`GMT-3`, `GMT+5:30` or `GMT`: the offset that `zone` has at `instant`."""
    offset = instant.astimezone(zone).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    if not minutes:
        return "GMT"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def clock(day: date, wall: time, zone: ZoneInfo) -> str:
    """A wall-clock time of a day: `08:00 GMT-3`."""
    return f"{wall:%H:%M} {offset_name(datetime.combine(day, wall, zone), zone)}"


def in_zone(instant: datetime | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """An instant as the campaign's people read it; empty when there is none."""
    if instant is None:
        return ""
    local = instant.astimezone(zone)
    day = formats.date_format(local, "SHORT_DATE_FORMAT")
    return f"{day} {local:{'%H:%M:%S' if seconds else '%H:%M'}} {offset_name(local, zone)}"


def day_words(day: date) -> str:
    """A date with its day of week."""
    return f"{formats.date_format(day, 'D')}, {formats.date_format(day, 'SHORT_DATE_FORMAT')}"
