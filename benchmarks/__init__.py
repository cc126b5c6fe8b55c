"""Figures of the product, measured by commands that anyone can run again: `make bench`.

Each module here is one benchmark: `python -m benchmarks.NAME` prints one JSON object as its last line.
"""

import os

# As `amd` has it in the product: read when numpy is imported, which some benchmarks do before they import `amd`.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
