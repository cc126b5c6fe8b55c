"""A calls worker of many calls is not stopped by the shell's limit of open files."""

import resource
from collections.abc import Iterator

import pytest

from dialing.worker import OPEN_FILES, allow_open_files


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_low_limit_is_raised_and_a_high_one_left_alone() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    allow_open_files()
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert raised == (OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised - 1, hard))
    allow_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == raised
