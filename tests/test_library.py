"""Tracers and oracle agree on a part of the standard library's own tests, which end as without us."""

import pytest

from ipy_branchcov.tracing.choice import tracers
from tests.library import LONG, SLICE, compare, has_tests


@pytest.mark.slow
@pytest.mark.skipif(not has_tests(), reason="this Python comes without the standard library's tests")
@pytest.mark.parametrize("name", SLICE)
def test_standard_library(name: str) -> None:
    found = compare(name, list(tracers())[: 1 if name in LONG else None])
    assert not found.differences, "\n".join(found.differences[:20])
    assert found.outcomes and found.tests
