"""Each module of the package is imported by a test of its own, so that one can fail for it alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ipy_branchcov"


def modules() -> set[str]:
    """The dotted names of the package's modules; those that only gather others are left out."""
    paths = (path for path in PACKAGE.rglob("*.py") if path.stem not in ("__init__", "__main__"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}


def imported(path: Path) -> Iterator[str]:
    """What a test module imports anywhere in it: modules, and names in modules."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_each_module_is_imported_by_a_test() -> None:
    found = {name for path in (ROOT / "tests").glob("test_*.py") for name in imported(path)}
    missing = modules() - found
    assert len(modules()) > 50
    assert missing == set()
