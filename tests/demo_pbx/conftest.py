"""One quick PBX for the tests that share it, and a maker for those that need their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .pbx_under_test import PbxUnderTest, quick
from .raw_phone import RawPhone


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PbxUnderTest]:
    with PbxUnderTest(tmp_path_factory.mktemp("pbx"), quick()) as running:
        yield running


@pytest.fixture
def phone(pbx: PbxUnderTest) -> RawPhone:
    return pbx.phone()


@pytest.fixture
def make_pbx(tmp_path: Path) -> Iterator[Callable[..., PbxUnderTest]]:
    """A PBX of the test's own: `make_pbx(customers={"ring_s": 5})` changes some of the quick configuration."""
    with ExitStack() as running:

        def make(**changes: Any) -> PbxUnderTest:
            return running.enter_context(PbxUnderTest(tmp_path, quick(**changes)))

        yield make
