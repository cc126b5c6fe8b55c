"""Lines over time as a PNG picture: `amd.plots` writes the file, this draws."""

import numpy as np
from numpy.typing import NDArray

from amd.plots import png

WIDTH, HEIGHT, MARGIN = 900, 360, 8
COLOURS = [
    (250, 250, 250),
    (225, 225, 225),
    (14, 62, 86),
    (200, 80, 30),
    (30, 130, 60),
    (120, 60, 150),
    (20, 20, 20),
]
"""Ground, grid, and one for each line, the sum last."""


def lines_png(series: dict[str, list[float]]) -> bytes:
    """One line for each series and a dark one for their sum, from 0 to a little above the highest; ten grid lines."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    total = [sum(values) for values in zip(*series.values(), strict=True)]
    top = 1.1 * max([*total, 1.0])
    pixels[np.linspace(MARGIN, HEIGHT - MARGIN - 1, 11).astype(int)] = 1
    for colour, values in enumerate([*series.values(), total], 2):
        _draw(pixels, np.array(values or [0.0]) / top, colour if values is not total else 6)
    return png(pixels, bytes(part for colour in COLOURS for part in colour))


def _draw(pixels: NDArray[np.uint8], shares: NDArray[np.float64], colour: int) -> None:
    """`shares` of the height, spread over the width; two pixels thick, without gaps."""
    columns = np.arange(MARGIN, WIDTH - MARGIN)
    at = np.interp(columns, np.linspace(MARGIN, WIDTH - MARGIN - 1, len(shares)), shares)
    rows = (HEIGHT - MARGIN - 1 - at * (HEIGHT - 2 * MARGIN)).astype(int)
    for column, row, before in zip(columns, rows, np.roll(rows, 1), strict=True):
        low, high = sorted((row, before if column > MARGIN else row))
        pixels[low : high + 2, column] = colour
