"""Show the original code to those who read code in order to compile it, or to send it elsewhere.

Compilers read the bytecode of a function, and picklers its constants. An audit event (PEP 578) precedes each reading of
``__code__``: the function gets its original back for that moment. ``marshal`` is given the original too. A generator
can show no other code than it runs: where such code is read, generator expressions are not instrumented.

The state of this module: whether a run is on, the audit hook, the functions that have their original for a moment.
"""

from __future__ import annotations

import marshal
import sys
from contextlib import suppress
from types import CodeType, FrameType, FunctionType
from typing import Any

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.failures import Failures
from ipy_branchcov.tracing.probes import functions, registry
from ipy_branchcov.tracing.probes.marshalled import of_originals
from ipy_branchcov.tracing.probes.swapped import swapping

__builtins__ = BUILTINS

ctypes: Any = None
with suppress(ImportError):  # a Python built without libffi
    import ctypes

#: Packages that compile the code that they read, or pickle it by value (some with a copy of cloudpickle inside).
READERS = frozenset({"numba", "pony", "cloudpickle", "dill", "joblib", "pyspark", "ray", "ipyparallel"})
#: It finds functions by the code that it gave them. Where events measure code that others make, that code stays; on
#: 3.11 it reads instrumented code, and its copy keeps the probes.
if sys.version_info >= (3, 12):
    READERS |= {"line_profiler"}
#: Those that compile it to something else than Python's code.
COMPILERS = frozenset({"numba", "pony"})
_EVENTS = frozenset({"object.__getattr__", "object.__setattr__"})
#: Those that read the code of generator expressions.
OF_GENERATORS = frozenset({"pony"})
#: Those that make functions of code of their own, and find what they know of them by the code of a running frame.
FINDING_BY_CODE = frozenset({"birdseye"})


class ReadByOthers(Unencodable):
    """Code that others read where it runs."""


class Readers:
    """There is one instance: an audit hook cannot be removed. It is installed in a run, when a reader is imported."""

    def __init__(self) -> None:
        #: Whether the code of generator expressions is read.
        self.generators = False
        #: Whether a function may have to run the very code that it was made of.
        self._found_by_code = False
        self._runs = 0
        self._failures = Failures()
        self._hooked = False
        #: Functions that have their original code for a moment, with their instrumented code.
        self._lent: list[tuple[FunctionType, CodeType]] = []
        #: Who reads, and the instruction that does. Until it has ended, nothing is returned.
        self._reading: tuple[FrameType, int] | None = None
        self._kept: dict[int, CodeType] = {}
        #: The code that compilers read in these runs, with their names.
        self._compiled: dict[int, tuple[CodeType, str]] = {}
        self._dumps: tuple[Any, Any] | None = None
        self._ours: tuple[Any, Any] | None = None
        if ctypes is not None:
            self._callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._return_later)

    def begin(self, failures: Failures) -> None:
        """A run begins. ``failures``: takes the errors of ours in the program."""
        self._runs += 1
        self._failures = failures
        if self._runs == 1:
            self._dumps = marshal.dump, marshal.dumps
            self._ours = of_originals(marshal.dump, marshal.dumps), of_originals(marshal.dumps, marshal.dumps)
            marshal.dump, marshal.dumps = self._ours
        for name in READERS | FINDING_BY_CODE:
            if name in sys.modules:
                self.imported(name)

    def end(self) -> None:
        """A run ends."""
        self._runs -= 1
        self.give_back()
        self._kept.clear()
        if not self._runs:
            self._compiled.clear()
        if not self._runs and self._dumps is not None and self._ours is not None:
            if marshal.dump is self._ours[0]:
                marshal.dump = self._dumps[0]
            if marshal.dumps is self._ours[1]:
                marshal.dumps = self._dumps[1]

    def arrived(self, code: CodeType) -> None:
        """Code is about to be instrumented: it may import a package that reads the generators in it."""
        if not self.generators:
            self.generators = any(
                _package(name) in OF_GENERATORS for each in code_objects(code) for name in each.co_names
            )

    def imported(self, name: str) -> None:
        """A module is being imported, or was."""
        self.generators = self.generators or _package(name) in OF_GENERATORS
        self._found_by_code = self._found_by_code or _package(name) in FINDING_BY_CODE
        if not self._hooked and ctypes is not None and _package(name) in READERS:
            self._hooked = True
            audit = self._guarded
            # A function: the interpreter takes four times as long to call a method as a hook, at each id() of anyone.
            sys.addaudithook(lambda event, arguments: audit(event, arguments) if event in _EVENTS else None)

    def _guarded(self, event: str, arguments: tuple[Any, ...]) -> None:
        try:
            self._audit(event, arguments)
        except RecursionError:
            raise
        except Exception as error:  # it would be raised in the program
            self._failures.add(None, error)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._runs or arguments[1] != "__code__":
            return
        frame = sys._getframe(3)
        reader = frame.f_globals.get("__name__")
        if type(arguments[0]) is FunctionType and isinstance(reader, str) and _package(reader) in READERS:
            if event == "object.__getattr__":
                if _package(reader) in COMPILERS:
                    known = registry.known(code := arguments[0].__code__)
                    code = code if known is None else known.original
                    self._compiled[id(code)] = code, _package(reader)
                self._lend(arguments[0], frame)
            elif isinstance(arguments[2], CodeType):
                self._kept[id(arguments[2])] = arguments[2]

    def _lend(self, function: FunctionType, frame: FrameType) -> None:
        """Let a function have its original code while a frame reads it: until that calls or jumps."""
        code = function.__code__
        if (known := registry.known(code)) is None:
            return
        self._reading = frame, frame.f_lasti
        with swapping():
            function.__code__ = known.original
        self._lent.append((function, code))
        # Last: while it waits, each call that a hook makes tries to make it.
        if ctypes.pythonapi.Py_AddPendingCall(self._callback, None):
            self.give_back()

    def _return_later(self, _: object) -> int:
        # The interpreter makes pending calls between the instructions of hooks, too: of this one, and of later ones.
        if self._is_in_hooks(sys._getframe(1)):
            ctypes.pythonapi.Py_AddPendingCall(self._callback, None)
        else:
            self.give_back()
        return 0

    def _is_in_hooks(self, frame: FrameType) -> bool:
        """Whether the instruction that reads goes on. ``frame``: where the interpreter makes the pending call.

        In the reader's own frame that instruction has ended, though it may still be the last one. There, the call must
        not be added again: where a function traces, 3.11 does not begin a frame of Python while a call waits, and it
        would wait for this one for ever.
        """
        return (
            self._reading is not None and frame is not self._reading[0] and self._reading[0].f_lasti == self._reading[1]
        )

    def compiled(self) -> list[tuple[CodeType, str]]:
        """The code that a compiler read since the runs that are on began, with the compiler's name."""
        return list(self._compiled.values())

    def keeps(self, code: CodeType) -> bool:
        """Whether code that runs uninstrumented is to stay: others made it, and find its functions by it."""
        return self._found_by_code or id(code) in self._kept

    def give_back(self) -> None:
        """Instrument again what was read."""
        self._reading = None
        while self._lent:
            function, code = self._lent.pop()
            known = registry.known(code)
            if known is not None and function.__code__ is known.original:
                functions.swap(function, code)


READING = Readers()


def _package(name: str) -> str:
    return name.partition(".")[0]
