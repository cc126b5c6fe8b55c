"""Dialer ports, contact centres, queues, and the Django-free packages for SIP, RTP and connectors."""
