"""Starts, watches and ends the processes of an installation (DESIGN 1)."""
