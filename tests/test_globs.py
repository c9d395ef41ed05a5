"""Globs of ``omit`` and ``include`` beside coverage.py's own, which people bring with them."""

from __future__ import annotations

import random
from itertools import product

import pytest
from coverage.exceptions import ConfigError
from coverage.files import globs_to_regex

from ipy_branchcov.model.globs import matches

PARTS = ("a", "b", "*", "**", "/", "/", "?", "[ab]", ".py", "m", "*/", "/**/", ".")
NAMES = ("a", "m.b", "ab")
PATHS = [
    begin + "/".join(parts) + end for begin in ("", "/") for parts in product(NAMES, repeat=3) for end in ("", ".py")
]
PATHS += [begin + name + end for begin in ("", "/") for name in NAMES for end in ("", ".py")]


def test_globs_mean_what_they_mean_to_coverage_py() -> None:
    chance = random.Random(4)
    compared = 0
    for _ in range(600):
        glob = "".join(chance.choice(PARTS) for _ in range(chance.randint(1, 7)))
        try:
            theirs = globs_to_regex([glob])
        except ConfigError:
            continue  # such as ***
        compared += 1
        wrong = [path for path in PATHS if matches(path, glob) != bool(theirs.match(path))]
        assert not wrong, glob
    assert compared > 300


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*/x[!1].py", "a/x2.py", True),
        ("*/x[!1].py", "a/x1.py", False),
        ("/a[[]b]/*", "/a[b]/c.py", True),
        ("/a/[", "/a/[", True),
        ("a\\*.py", "a/m.py", True),
        ("a/*.py", "a\\m.py", True),
        ("a/**b/m.py", "a/xb/m.py", True),
        ("a/+(.py", "a/+(.py", True),
    ],
)
def test_sets_and_the_separators_of_both_systems(glob: str, path: str, expected: bool) -> None:
    assert matches(path, glob) is expected
