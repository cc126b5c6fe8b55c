"""The campaign's calendar, days with a daylight-saving change included (SPEC 5)."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from campaigns.calendar import campaign_days, is_time_zone, opening


def test_a_schedule_for_each_chosen_weekday_of_the_range() -> None:
    days = campaign_days(date(2026, 3, 2), date(2026, 3, 15), {1, 5})
    assert days == [date(2026, 3, 2), date(2026, 3, 6), date(2026, 3, 9), date(2026, 3, 13)]


def test_first_and_last_day_belong_to_the_range() -> None:
    assert campaign_days(date(2026, 3, 2), date(2026, 3, 2), {1}) == [date(2026, 3, 2)]
    assert campaign_days(date(2026, 3, 2), date(2026, 3, 2), {2}) == []


def test_hours_are_those_of_the_campaigns_zone() -> None:
    opens, closes = opening(date(2026, 7, 1), time(8), time(18), ZoneInfo("America/Sao_Paulo"))
    assert opens == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert closes == datetime(2026, 7, 1, 21, tzinfo=UTC)


def test_wall_clock_hours_stay_over_a_daylight_saving_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    before, _ = opening(date(2026, 3, 28), time(9), time(17), zone)
    after, closes = opening(date(2026, 3, 30), time(9), time(17), zone)
    assert (before.hour, after.hour, closes.hour) == (8, 7, 15)


def test_hours_that_the_clock_skips_never_end_before_they_begin() -> None:
    zone = ZoneInfo("Europe/Berlin")  # 2026-03-29 02:00 -> 03:00
    opens, closes = opening(date(2026, 3, 29), time(2, 30), time(3, 15), zone)
    assert opens <= closes


def test_a_day_with_a_change_is_as_long_as_the_wall_clock_says() -> None:
    zone = ZoneInfo("Europe/Berlin")
    spring = opening(date(2026, 3, 29), time(0), time(23, 59), zone)
    autumn = opening(date(2026, 10, 25), time(0), time(23, 59), zone)
    assert (spring[1] - spring[0]).total_seconds() == 22 * 3600 + 59 * 60
    assert (autumn[1] - autumn[0]).total_seconds() == 24 * 3600 + 59 * 60


def test_only_iana_names_are_zones() -> None:
    assert is_time_zone("America/Sao_Paulo")
    assert not is_time_zone("GMT-3h")
