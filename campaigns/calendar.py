"""The campaign's calendar: which days, and which instants the local hours of a day are (SPEC 5).

Pure: dates and zones in, dates and instants out.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
"""Days outside are slips of the keyboard; some zones can't even compute with them."""
LONGEST = timedelta(days=3660)
"""Of a campaign: ten years, one schedule a day."""


def campaign_days(first: date, last: date, weekdays: Collection[int]) -> list[date]:
    """The days from `first` to `last` (both included) that fall on one of the ISO `weekdays`."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.isoweekday() in weekdays]


def opening(day: date, start: time, end: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants (UTC) at which the local hours `start` to `end` of `day` begin and end.

    On a day with a daylight-saving change the wall clock decides: hours that the clock skips count as the
    hour after, hours that it shows twice count once, the first time.
    """
    opens = datetime.combine(day, start, zone).astimezone(UTC)
    closes = datetime.combine(day, end, zone).astimezone(UTC)
    return opens, max(opens, closes)


def is_time_zone(name: str) -> bool:
    """Whether `name` is an IANA zone that this system knows."""
    return name in available_timezones()
