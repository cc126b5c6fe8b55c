"""Dialer groups (G 6.3)."""
