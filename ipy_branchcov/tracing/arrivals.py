"""What came to run since all functions were last looked at, told by audit events (PEP 578).

Functions that exist when a run begins have to be found. To find them all, every object there is must be looked at: in
a kernel that takes longer than most cells. Code gets into functions by few doors, and each of them is audited.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from inspect import CO_COROUTINE, CO_NEWLOCALS
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any

from ipy_branchcov.bytecode import code_objects
from ipy_branchcov.tracing import prepared
from ipy_branchcov.tracing.tracer import CodeFilter

#: What can be suspended, and how its attributes begin.
SUSPENDED = {GeneratorType: "gi", CoroutineType: "cr", AsyncGeneratorType: "ag"}

#: Flags of code that functions and coroutines have; modules and bodies of classes are executed as they are.
_IN_FUNCTIONS = CO_NEWLOCALS | CO_COROUTINE
#: The events of code that gets to run: executed, or in a function.
_DOORS = frozenset({"exec", "function.__new__", "object.__setattr__"})
#: With more code objects to look for than this, looking at everything is quicker.
_MANY = 50


class Arrivals:
    """Keeps the code that came without being prepared. There is one for good: an audit hook cannot be taken away."""

    def __init__(self) -> None:
        self._told = False
        self._codes: dict[int, CodeType] = {}
        #: For which code filter and kind of rewriting all functions were exchanged, but those of such code.
        self._settled: tuple[weakref.ref[CodeFilter], str] | None = None
        #: Told of code that is about to be executed, the last one alone.
        self.executing: list[Callable[[CodeType], None]] = []

    def begin(self) -> None:
        """Be told from now on."""
        if not self._told:
            self._told = True
            sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _DOORS:  # each call of id() is one
            return
        if event == "exec":
            self._came(arguments[0])
            if self.executing and isinstance(arguments[0], CodeType):
                self.executing[-1](arguments[0])
        elif event == "function.__new__":
            self._came(arguments[0])
        elif arguments[1] == "__code__":
            self._came(arguments[2])

    def _came(self, code: object) -> None:
        if self._settled is None or not isinstance(code, CodeType) or prepared.known(code) is not None:
            return
        self._codes[id(code)] = code
        if len(self._codes) > _MANY:
            self.unsettle()

    def unsettle(self) -> None:
        """Look at everything the next time."""
        self._settled = None
        self._codes.clear()

    def settle(self, wanted: CodeFilter, kind: str) -> None:
        """All functions of wanted code that :meth:`objects` told have been exchanged."""
        self._settled = (weakref.ref(wanted), kind)
        self._codes.clear()

    def objects(self, wanted: CodeFilter, kind: str) -> list[Any]:
        """The functions, and what is suspended, whose code may be wanted and not be prepared in this way."""
        if self._settled is None or (self._settled[0](), self._settled[1]) != (wanted, kind):
            return prepared.objects(FunctionType, *SUSPENDED)
        codes = list(_nested(self._codes.values()))
        found, complete = _holders(codes, wanted)
        if complete:
            return found
        held = {id(each) for each in codes}
        found = prepared.objects(FunctionType, *SUSPENDED)
        return [each for each in found if id(_code_of(each)) in held]


def _nested(codes: Iterable[CodeType]) -> Iterator[CodeType]:
    for code in list(codes):
        yield from (each for each in code_objects(code) if each.co_flags & _IN_FUNCTIONS)


def _holders(codes: list[CodeType], wanted: CodeFilter) -> tuple[list[FunctionType], bool]:
    """The functions in the main module that have some code objects, and whether these are all that hold wanted ones.

    Told by counts of references: each code object is in ``codes``, in the constants of another one (or among those
    that came), and an argument here.
    """
    missing = {}
    for i in range(len(codes)):
        if held := sys.getrefcount(codes[i]) - 3:
            missing[id(codes[i])] = held
    if not missing:
        return [], True
    found = {}
    for function in _functions_of_main():
        if missing.get(id(function.__code__)) and id(function) not in found:
            found[id(function)] = function
            missing[id(function.__code__)] -= 1
    return list(found.values()), not any(missing.get(id(each)) and wanted(each) for each in codes)


def _functions_of_main() -> Iterator[FunctionType]:
    """What a cell defines as a rule: functions and methods. Runs nothing of the user's."""
    main = sys.modules.get("__main__")
    for value in list(vars(main).values()) if isinstance(main, ModuleType) else ():
        if type(value) is FunctionType:
            yield value
        elif issubclass(type(value), type):
            members: Any = _MEMBERS(value)
            if members.get("__module__") == "__main__":
                yield from (each for each in list(members.values()) if type(each) is FunctionType)


#: The dictionary of a class, whatever its metaclass says.
_MEMBERS = type.__dict__["__dict__"].__get__


ARRIVALS = Arrivals()


def frames() -> Iterator[FrameType]:
    """All frames that are being executed, in all threads."""
    for frame in sys._current_frames().values():
        current: FrameType | None = frame
        while current is not None:
            yield current
            current = current.f_back


def suspended_code(each: Any) -> CodeType | None:
    """The code of a generator or coroutine that can go on; None where it has ended."""
    return _code_of(each) if getattr(each, f"{SUSPENDED[type(each)]}_frame") is not None else None


def _code_of(each: Any) -> Any:
    return each.__code__ if type(each) is FunctionType else getattr(each, f"{SUSPENDED[type(each)]}_code")
