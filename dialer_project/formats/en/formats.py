"""English is read in countries that part over 11/12: dates as 2026-12-11, times with 24 hours."""

SHORT_DATE_FORMAT = "Y-m-d"
DATE_FORMAT = "j F Y"
SHORT_DATETIME_FORMAT = "Y-m-d H:i"
DATETIME_FORMAT = "Y-m-d H:i"
TIME_FORMAT = "H:i"
FIRST_DAY_OF_WEEK = 1
