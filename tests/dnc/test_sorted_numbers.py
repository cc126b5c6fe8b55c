"""Sets of numbers larger than what is sorted at once, against Python's own sets."""

import random

import numpy as np
import pytest

from dnc import sorted_numbers
from dnc.sorted_numbers import SortedNumbers


@pytest.fixture(autouse=True)
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_numbers, "RUN", 50)
    monkeypatch.setattr(sorted_numbers, "STEP", 7)


def made_of(numbers: list[int]) -> SortedNumbers:
    made = SortedNumbers()
    for begin in range(0, len(numbers), 9):
        made.add(np.array(numbers[begin : begin + 9], np.int64))
    return made


def all_of(numbers: SortedNumbers) -> list[int]:
    return [int(number) for block in numbers.blocks() for number in block]


@pytest.mark.parametrize("count", [0, 1, 8, 49, 50, 51, 500])
@pytest.mark.parametrize("among", [1, 60, 10**15])
def test_numbers_come_out_in_order_and_each_once(count: int, among: int) -> None:
    rng = random.Random(count)
    numbers = [rng.randrange(among) for _ in range(count)]
    made = made_of(numbers)
    assert all_of(made) == sorted(set(numbers))
    assert all_of(made) == sorted(set(numbers)), "a second reading"


@pytest.mark.parametrize("count", [0, 1, 60, 400])
@pytest.mark.parametrize("others", [0, 1, 60, 400])
def test_what_another_set_does_not_have(count: int, others: int) -> None:
    rng = random.Random(count + others)
    numbers = [rng.randrange(600) for _ in range(count)]
    beside = [rng.randrange(600) for _ in range(others)]
    left = made_of(numbers).without(made_of(beside))
    assert all_of(left) == sorted(set(numbers) - set(beside))
    assert len(left) == len(set(numbers) - set(beside))
