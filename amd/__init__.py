"""Answering machine detection on 20 ms frames; free of Django (G 2.2)."""
