"""Telephone audio that `telephony` carries and `amd` listens to: G.711. No Django, no I/O."""
