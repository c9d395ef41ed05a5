"""``branchcov suggest FILE::FUNCTION``: the file is imported, and what data files cover in it is not looked for."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.suggest.search import Limits
from ipy_branchcov.suggest.seen import of_first_hits
from ipy_branchcov.suggest.suggest import Question, Suggestions, suggest
from ipy_branchcov.suggest.target import find


def suggest_for(
    spec: str,
    coverage: Coverage,
    options: RunOptions,
    limits: Limits,
    progress: Callable[[int, int], None],
    *,
    crosshair: bool = False,
) -> tuple[Suggestions, str]:
    """What is found for ``FILE::FUNCTION``, and the name of the file's module. Raises BranchcovError."""
    place, _, name = spec.partition("::")
    path = Path(place)
    if not name or path.suffix != ".py":
        raise UsageError(f"{spec}: name a function as FILE.py::FUNCTION or FILE.py::CLASS.METHOD")
    if not path.is_file():
        raise UsageError(f"{place}: no such file; check the path")
    source = Scope().read(str(path.resolve()))
    if source is None:
        raise UsageError(f"{place}: cannot be read as Python source")
    module = _imported(path)
    target = find(name, vars(module))
    home = os.path.realpath(target.function.__code__.co_filename)
    if home != source.path:
        raise UsageError(f"{spec}: it is defined in {home}; name it there")
    question = Question(
        name, vars(module), source, coverage, options, seen=lambda target: of_first_hits(coverage, source, target)
    )
    return suggest(question, limits, progress, crosshair=crosshair), module.__name__


def _imported(path: Path) -> ModuleType:
    """The module of a file, in its package. What it prints is not ours to show, and what it raises is its own."""
    path = path.resolve()
    names, folder = [path.stem] if path.stem != "__init__" else [], path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    name = ".".join(names)
    sys.path.insert(0, str(folder))
    before = threading.active_count()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = importlib.import_module(name)
    except Exception as error:
        raise BranchcovError(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    except SystemExit as error:
        raise BranchcovError(f"{path.name} cannot be imported: it exits with {error.code}") from error
    if os.path.realpath(getattr(module, "__file__", None) or "") != str(path):
        raise BranchcovError(f"{path.name}: another module called {name} is imported instead; rename one of them")
    if threading.active_count() > before:
        print(f"branchcov: {path.name} starts threads when it is imported; trials do not have them", file=sys.stderr)
    return module
