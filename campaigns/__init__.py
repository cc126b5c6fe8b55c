"""Campaigns and their schedules: lifecycle, calendar, summary (G 6.4)."""
