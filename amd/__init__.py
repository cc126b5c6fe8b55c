"""Answering machine detection on 20 ms frames; free of Django (G 2.2)."""

import os

# The matrices here are small: with OpenBLAS's threads 300 calls cost twice the CPU (3.3 instead of 1.6 ms for each
# second of a call). Read when numpy is imported, so it stands before.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
