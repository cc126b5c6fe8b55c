"""Recorded speech of the demo PBX's customers; credits and licence in CREDITS.md."""
