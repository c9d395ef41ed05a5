"""The house keeps its layers: the contracts of pyproject.toml hold."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_contracts() -> None:
    api = pytest.importorskip("importlinter.cli")
    assert api.lint_imports(config_filename=str(ROOT / "pyproject.toml"), is_debug_mode=False) == 0


@pytest.mark.parametrize("room", ["model", "bytecode", "analysis", "tracing", "session", "data", "errors.py"])
def test_the_ground_floor_needs_the_standard_library_alone(room: str) -> None:
    place = ROOT / "ipy_branchcov" / room
    for path in [place] if place.is_file() else place.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "ipy_branchcov"}, f"{path.name}: {name}"
