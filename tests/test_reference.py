"""The pages that are made from the code's tables say what the code says."""

from __future__ import annotations

import pytest

from tests.reference import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_page_is_made_from_the_code(name: str) -> None:
    """After a change of the tables: python -m tests.reference --write"""
    assert (DOCS / name).read_text("utf-8") == PAGES[name]()
