"""A demo PBX: customers that answer, are busy or are machines, a queue with agents, an IVR. Real SIP and RTP.

Run it with `python -m telephony.demo_pbx`; `process.DemoPbxProcess` starts and stops it for tests and the demo.
It shares no SIP code with `telephony.sip`, so that it can be that user agent's peer. No Django.
"""
