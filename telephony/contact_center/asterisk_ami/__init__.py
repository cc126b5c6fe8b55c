"""Connector to Asterisk's manager interface (AMI): queue members, waiting callers, channels of an IVR.

`messages` is the wire, `members` and `ivr` hold what the PBX told, `session` is one connection without its socket,
`connector` drives it. Checked against Asterisk 22; versions from 13 on send the same events.
"""

from .connector import AmiConnector

__all__ = ["AmiConnector"]
