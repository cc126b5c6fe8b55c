"""How long tests wait for what must come about, on machines that others use too."""

PATIENCE = 30.0
"""Seconds. Not a figure of the product: where it promises a time, the test says which."""
