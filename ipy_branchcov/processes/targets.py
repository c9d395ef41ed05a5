"""What ``branchcov run`` is asked to run: notebooks, or one program with words of its own."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipy_branchcov.errors import UsageError
from ipy_branchcov.session.scope import Scope, is_installed, resolve

#: How many words follow an option as its value: 0 or 1; None: it is no option of ours.
Values = Callable[[str], "int | None"]


@dataclass(frozen=True, slots=True)
class Program:
    """A script, a folder or archive with ``__main__``, or a module (``-m``), as it was typed; and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()
    module: bool = False

    @property
    def by_import(self) -> bool:
        """Whether it is found and run by Python's import system, and not read as a script."""
        return self.module or os.path.isdir(self.name) or _is_archive(self.name)  # noqa: PTH112

    def check(self) -> None:
        """Raises UsageError for what Python could not begin to run. Imports nothing."""
        if self.module:
            if _spec(self.name) is None:
                raise UsageError(f"-m {self.name}: no module of that name; check the spelling")
        elif os.path.isdir(self.name):  # noqa: PTH112
            if not any((Path(self.name) / name).is_file() for name in ("__main__.py", "__main__.pyc")):
                raise UsageError(f"{self.name}: a folder without __main__.py; name a file in it, or -m and a package")
        elif not os.path.isfile(self.name):  # noqa: PTH113 False for a path that is too long, too
            raise UsageError(f"{self.name}: no such file; check the path")
        elif not self.by_import and Scope().read(os.path.realpath(self.name)) is None:
            raise UsageError(f"{self.name}: cannot be read as Python source")

    def search_path(self) -> str:
        """What Python has as the first place of ``sys.path`` while it runs this."""
        if self.module:
            return str(Path.cwd())
        if self.by_import:  # as the interpreter makes it absolute: nothing else is normalised
            return os.path.join(Path.cwd(), self.name)  # noqa: PTH118
        return str(Path(self.name).resolve().parent)

    def own_source(self) -> str:
        """What is measured where no source is named: the program itself.

        All below the current folder where that is an archive, or a module that was installed, as pytest.
        """
        if not self.module:
            return "." if _is_archive(self.name) else self.name
        top = self.name.partition(".")[0]
        try:
            places = resolve(top)
        except UsageError:
            return "."
        return "." if any(map(is_installed, (*places.folders, *places.files))) else top


@dataclass(frozen=True, slots=True)
class Asked:
    """The words behind ``run``. ``ours``: options of branchcov. ``passed``: what stands behind ``--``."""

    ours: tuple[str, ...]
    notebooks: tuple[str, ...] = ()
    program: Program | None = None
    passed: tuple[str, ...] = ()


def split(words: Sequence[str], values: Values) -> Asked:
    """Tell options of ours from targets, and from the words of a program. Raises UsageError.

    What follows a module or script is its own. Only in front of a ``--`` may options of ours stand behind a script.
    """
    ours: list[str] = []
    targets: list[str] = []
    number = 0
    while number < len(words):
        word = words[number]
        if word == "--":
            if targets:
                return Asked(tuple(ours), tuple(targets), passed=tuple(words[number + 1 :]))
            number += 1
            word = words[number] if number < len(words) else ""
        elif word.startswith("-m") and not word.startswith("--"):
            return _module(ours, targets, word[2:], words[number + 1 :])
        elif word.startswith("-") and word != "-":
            width = 1 + (values(word) or 0)
            ours += words[number : number + width]
            number += width
            continue
        if word and not word.endswith(".ipynb"):
            return _script(ours, targets, word, words[number + 1 :], values)
        targets += [word] if word else []
        number += 1
    return Asked(tuple(ours), tuple(targets))


def _module(ours: list[str], targets: list[str], attached: str, rest: Sequence[str]) -> Asked:
    if targets:
        raise UsageError(f"-m: a module runs alone; run {targets[0]} by itself")
    if not attached and not rest:
        raise UsageError("-m: needs the name of a module behind it")
    name, arguments = (attached, rest) if attached else (rest[0], rest[1:])
    return Asked(tuple(ours), program=Program(name, tuple(arguments), module=True))


def _script(ours: list[str], targets: list[str], name: str, rest: Sequence[str], values: Values) -> Asked:
    if targets:
        raise UsageError(f"{name}: a script runs alone; run {targets[0]} by itself")
    if "--" in rest:
        cut = list(rest).index("--")
        if _are_options(rest[:cut], values):
            return Asked((*ours, *rest[:cut]), program=Program(name, tuple(rest[cut + 1 :])))
    return Asked(tuple(ours), program=Program(name, tuple(rest)))


def _are_options(words: Sequence[str], values: Values) -> bool:
    """Whether words are options of ours, with their values, and nothing else."""
    number = 0
    while number < len(words):
        width = values(words[number]) if words[number].startswith("-") else None
        if width is None:
            return False
        number += 1 + width
    return number == len(words)


def _spec(name: str) -> object:
    """Whether the outermost package of a module can be found; what lies in it shows when it is imported."""
    try:
        return importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError, AttributeError):
        return None


def _is_archive(name: str) -> bool:
    return os.path.isfile(name) and zipfile.is_zipfile(name)  # noqa: PTH113
