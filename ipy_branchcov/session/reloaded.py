"""Functions and classes that ``%autoreload`` has added to a module: their code is that of ``<string>``.

IPython 9 compares the new text of a module with the old one, and compiles each definition that is new by itself. What
it puts into functions that existed has the name of their file.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType

from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.probes.reachable import of_module

__builtins__ = BUILTINS

#: It is loaded together with the extension.
_RELOADER = "IPython.extensions.deduperreload.deduperreload"
#: Each run asks for the files of all modules.
_real = functools.cache(os.path.realpath)
#: The name that ``exec`` gives to the code of a string.
_NAME = "<string>"


def added(scope: Scope) -> Iterator[tuple[CodeType, str]]:
    """The code that was added to measured modules in this process, with the path of the module. Runs no user's code."""
    if _RELOADER not in sys.modules or not scope.places:
        return
    for name, module in list(sys.modules.items()):
        names = module.__dict__ if type(module) is ModuleType else {}  # another type can have a __getattribute__
        file = names.get("__file__")
        if type(file) is not str or not file.endswith(".py") or not scope.covers(path := _real(file)):
            continue
        for function in of_module(name):
            code = function.__code__
            if code.co_filename == _NAME and function.__globals__.get("__file__") == file:
                known = registry.known(code)
                yield from ((each, path) for each in code_objects(code if known is None else known.original))
