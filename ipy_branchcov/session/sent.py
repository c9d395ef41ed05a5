"""The file of a function that a pickler has sent by value, as cloudpickle does (joblib, Dask) with those of a script.

Its code does not say the file any more. Compiled again from the same text, it is equal.
"""

from __future__ import annotations

from types import CodeType

from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.source import UNPARSABLE, Source
from ipy_branchcov.session.scope import Scope

#: The name that cloudpickle gives to the files of all code that it sends (3.1.2 and later).
SENT = "<dynamic-code>"


class SentFunctions:
    """Finds the file of code that was sent, among the files of a scope."""

    def __init__(self, scope: Scope):
        self._scope = scope
        #: The files of the scope, read when the first code is looked for; None: not yet.
        self._files: list[Source] | None = None
        #: None: none of the files has such code.
        self._by_code: dict[CodeType, Source | None] = {}
        self._compiled: set[str] = set()

    def __call__(self, code: CodeType) -> Source | None:
        if code not in self._by_code:
            for file in self._all_files():
                if file.name not in self._compiled and _may_define(file, code):
                    self._compiled.add(file.name)
                    self._compile(file)
        return self._by_code.setdefault(code, None)

    def _all_files(self) -> list[Source]:
        if self._files is None:
            read = (self._scope.read(path) for path in self._scope.files())
            self._files = [source for source in read if source is not None]
        return self._files

    def _compile(self, file: Source) -> None:
        try:
            module = compile(file.text, SENT, "exec", dont_inherit=True)
        except UNPARSABLE:
            return
        for each in code_objects(module):
            self._by_code.setdefault(each, file)


def _may_define(file: Source, code: CodeType) -> bool:
    """Whether a function can begin in this line of a file: most files need not be compiled."""
    lines = file.lines
    if code.co_firstlineno > len(lines):
        return False
    line = lines[code.co_firstlineno - 1]
    name = code.co_name
    return name.startswith("<") or name in line or "@" in line
