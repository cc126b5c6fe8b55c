"""Figures of the product, measured by commands that anyone can run again: `make bench`.

Each module here is one benchmark: `python -m benchmarks.NAME` prints one JSON object as its last line.
"""
