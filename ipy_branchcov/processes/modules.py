"""Run what Python's import system finds, as ``python`` does: ``-m``, a folder or an archive with ``__main__``."""

from __future__ import annotations

import runpy
import sys
import types
from collections.abc import Callable
from functools import partial

from ipy_branchcov.bytecode.unseen import unseen
from ipy_branchcov.processes.program import Report, replace_main, run_to_end
from ipy_branchcov.processes.targets import Program
from ipy_branchcov.session.session import Session


@unseen
def run_module(program: Program, session: Session, report: Report) -> int:
    """Run a program as ``python`` does; return the exit status, as :func:`.program.run_script`.

    The interpreter itself calls this function of runpy, so its frames stand in tracebacks as they do there. Loaders
    read the code, and what they read is instrumented.
    """
    main = types.ModuleType("__main__")
    if sys.version_info < (3, 14):
        main.__dict__.update(__annotations__={})
    main.__dict__.update(__builtins__=sys.modules["builtins"])
    replace_main(main, [*(["-m"] if program.module else []), program.name, *program.arguments])
    if program.by_import and not program.module:
        if sys.flags.safe_path:
            sys.path.insert(0, program.search_path())
        sys.argv = [program.name, *program.arguments]
        name = "__main__"
    else:
        sys.argv = ["-m", *program.arguments]  # while the packages around the module are imported
        name = program.name
    session.start(f"-m {program.name}" if program.module else program.name)
    return run_to_end(partial(_program, name, program.module), session, report)


@unseen
def _program(name: str, module: bool) -> Callable[[], object]:
    return partial(runpy._run_module_as_main, name, alter_argv=module)  # type: ignore[attr-defined]
