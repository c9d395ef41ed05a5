"""Call a function where no frame is left below: the program that it runs sees its own frames alone.

What calls code of the program is :func:`~ipy_branchcov.bytecode.unseen.unseen`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType

from ipy_branchcov.bytecode.unseen import unseen


class _Leaves(BaseException):
    """Ends all frames of ours."""


def at_bottom(run: Callable[[], int]) -> int:
    """Call ``run``, which is unseen, when no frame is left; what it returns is the exit status of this process.

    The interpreter calls ``sys.excepthook`` when its main module has ended by an exception, and does all else that
    belongs to an end afterwards. Where others called us (``coverage run -m``), it is called here: they may catch
    exceptions, and go on.
    """
    if not _is_all_ours():
        return run()
    before = sys.excepthook

    @unseen
    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = before
        if kind is not _Leaves:
            before(kind, error, trace)  # it came on the way
            return
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        try:
            status = run()
        except KeyboardInterrupt:
            _interrupted()
            return
        finally:
            # A trace function would be called for the end of this frame.
            sys.settrace(None)
            sys.setprofile(None)
        sys.exit(status)

    sys.excepthook = hook
    raise _Leaves


def _interrupted() -> None:
    """Let this process end by SIGINT when the interpreter has ended, as where Ctrl-C ended its main module.

    The interpreter does so where it saw that Ctrl-C ended a text that it ran last (``run_eval_code_obj`` in
    Python/pythonrun.c), or, from 3.14 on, where it printed a KeyboardInterrupt. That was printed already.
    """
    try:
        from ctypes import pythonapi
    except ImportError:
        sys.exit(128 + signal.SIGINT)
    before, sys.excepthook = sys.excepthook, lambda kind, error, trace: None
    pythonapi.PyRun_SimpleString(b"raise KeyboardInterrupt")
    sys.excepthook = before


def _is_all_ours() -> bool:
    """Whether below the caller are our functions, the main module that called them, and at most ``python -m``."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_name != "<module>":
        if not frame.f_globals.get("__name__", "").startswith(f"{__package__.partition('.')[0]}."):
            return False
        frame = frame.f_back
    if frame is None or frame.f_globals is not vars(sys.modules["__main__"]):
        return False
    while (frame := frame.f_back) is not None:
        if frame.f_code.co_filename != "<frozen runpy>":
            return False
    return True
