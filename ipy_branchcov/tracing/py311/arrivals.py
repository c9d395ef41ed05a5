"""Code that arrived since all functions were last searched, known from audit events (PEP 578).

Functions that exist when a run begins have to be found. To find them all, every object must be scanned; in a kernel
this takes longer than most cells. But code gets into functions in a few ways only, and each has an audit event.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from types import CodeType, FunctionType
from typing import Any

from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.failures import Failures
from ipy_branchcov.tracing.probes import functions, reachable, registry, swapped
from ipy_branchcov.tracing.probes.swapped import is_swapping
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS

#: The audit events of code that is executed, or put into a function.
_SETS = "object.__setattr__"
_EVENTS = frozenset({"exec", "function.__new__", _SETS})
#: With more code objects than this to look for, scanning all objects is faster.
_MANY = 50


class Arrivals:
    """Keeps code that arrived uninstrumented. There is one instance: an audit hook cannot be removed."""

    def __init__(self) -> None:
        self._hooked = False
        self._codes: dict[int, CodeType] = {}
        #: The filter and the kind for which all functions are instrumented, except those of the code kept here.
        self._settled: tuple[weakref.ref[CodeFilter], Mechanism] | None = None
        #: The last one is called with code that is about to be executed.
        self.executing: list[Callable[[CodeType], None]] = []
        #: The last one is called with code of which a function is about to be made by a call, as picklers do.
        self.making: list[Callable[[CodeType], None]] = []
        #: The last one takes errors of ours, which the hook would raise in the program.
        self.failures: list[Failures] = []
        #: How often a function that existed was given code.
        self.given = 0

    def begin(self) -> None:
        """Install the audit hook (once; it cannot be removed)."""
        if not self._hooked:
            self._hooked = True
            swapped.count_given()
            audit = self._audit
            # A function: the interpreter takes four times as long to call a method as a hook, at each id() of anyone.
            # Our own changes of code objects end here: each run makes two for each function there is.
            sys.addaudithook(
                lambda event, arguments: (
                    audit(event, arguments)
                    if event in _EVENTS and (swapped.swapping_thread != get_ident() or event != _SETS)
                    else None
                )
            )

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        try:
            self._arrived(event, arguments)
        except RecursionError:
            self.unsettle()
            raise
        except Exception as error:
            self.unsettle()
            if self.failures:
                self.failures[-1].add(None, error)

    def _arrived(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "exec":
            self._add(arguments[0])
            if self.executing and isinstance(arguments[0], CodeType):
                self.executing[-1](arguments[0])
        elif event == "function.__new__":
            self._add(arguments[0])
            if self.making and isinstance(arguments[0], CodeType) and not is_swapping():
                self.making[-1](arguments[0])
        elif arguments[1] == "__code__":
            self.given += 1
            swapped.was_given(arguments[0])
            self._add(arguments[2])

    def _add(self, code: object) -> None:
        if self._settled is None or not isinstance(code, CodeType) or is_swapping():
            return
        if registry.known(code) is not None:
            return
        self._codes[id(code)] = code
        if len(self._codes) > _MANY:
            self.unsettle()

    def unsettle(self) -> None:
        """Scan all objects the next time."""
        self._settled = None
        self._codes.clear()

    def settle(self, wanted: CodeFilter, kind: Mechanism) -> None:
        """All functions of wanted code that :meth:`objects` returned are instrumented now."""
        self._settled = (weakref.ref(wanted), kind)
        self._codes.clear()

    def objects(self, wanted: CodeFilter, kind: Mechanism, grown: list[CodeType]) -> list[Any]:
        """The functions and suspended frames whose code may be wanted and may not be instrumented in this way.

        ``grown``: from :func:`functions.grown`, called before any call of a filter: filters keep references to code.
        """
        if self._settled is None or (self._settled[0](), self._settled[1]) != (wanted, kind):
            return functions.objects(FunctionType, *functions.SUSPENDED)
        codes = list(_nested(self._codes.values()))
        found, complete = _holders(codes, wanted)
        if complete and not grown:
            return found
        held = {id(each) for each in (*codes, *grown)}
        found = functions.objects(FunctionType, *functions.SUSPENDED)
        return [each for each in found if id(functions.code_of(each)) in held]


def _nested(codes: Iterable[CodeType]) -> Iterator[CodeType]:
    for code in list(codes):
        yield from (each for each in code_objects(code) if each.co_flags & registry.IN_FUNCTIONS)


def _holders(codes: list[CodeType], wanted: CodeFilter) -> tuple[list[FunctionType], bool]:
    """The functions below the main module that have wanted code of some, and whether no other function has it.

    References are counted: each code object is in ``codes``, and either in the constants of another one or among those
    that arrived.
    """
    missing = {id(code): count - 1 for code, count in zip(codes, functions.references(codes), strict=True) if count > 1}
    missing = {id(code): missing[id(code)] for code in codes if id(code) in missing and wanted(code)}
    found = []
    for function in reachable.of_module("__main__") if missing else ():
        key = id(function.__code__)
        if key in missing:
            found.append(function)
            missing[key] -= 1
            if not missing[key]:
                del missing[key]
            if not missing:
                break
    return found, not missing


ARRIVALS = Arrivals()
