"""A part of CPython's own tests end measured as without us; ``python -m tests.cpython`` runs sixty files."""

import pytest

from ipy_branchcov.tracing.choice import tracers
from tests.cpython import SLICE, compare
from tests.library import has_tests


@pytest.mark.slow
@pytest.mark.skipif(not has_tests(), reason="this Python comes without the standard library's tests")
@pytest.mark.parametrize("name", SLICE)
def test_cpython(name: str) -> None:
    found = compare(name, next(iter(tracers())))
    assert found.differences == []
    assert found.tests
