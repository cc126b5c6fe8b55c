"""RTP audio (RFC 3550, RFC 3551): packets, reordering and the 20 ms tick. No Django."""
