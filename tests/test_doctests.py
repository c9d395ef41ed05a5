"""The examples in docstrings: each is run, wherever in the package it stands."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def examples(path: Path) -> int:
    return len(re.findall(r"^\s*>>> ", path.read_text("utf-8"), re.MULTILINE))


MODULES = [path for path in sorted((ROOT / "ipy_branchcov").rglob("*.py")) if examples(path)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert failed == 0, "doctest printed the difference"
    assert attempted == examples(path), "an example stands where doctest does not look"


def test_there_are_examples() -> None:
    assert MODULES
