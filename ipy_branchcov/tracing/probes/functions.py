"""Find functions by their code objects, swap in instrumented ones, and give the originals back.

The state of this module: which functions had instrumented code, which generators and coroutines are suspended in it,
which tracers are running, and which thread is swapping.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from inspect import CO_COROUTINE, CO_NEWLOCALS
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any, NamedTuple

from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.tracer import CodeFilter

#: Flags of the code of functions and coroutines; modules and class bodies have neither.
IN_FUNCTIONS = CO_NEWLOCALS | CO_COROUTINE

#: Functions that had instrumented code, with that code, so that the next run need not assemble it again.
_SWAPPED: weakref.WeakKeyDictionary[FunctionType, CodeType] = weakref.WeakKeyDictionary()
#: Types of what can be suspended, with the prefix of their attributes.
SUSPENDED = {GeneratorType: "gi", CoroutineType: "cr", AsyncGeneratorType: "ag"}
#: Suspended generators and coroutines that a search found to run instrumented code.
_WAITING: weakref.WeakSet[Any] = weakref.WeakSet()
#: The tracers that are running. While there are any, nothing is given back.
_RUNNING: weakref.WeakSet[object] = weakref.WeakSet()
#: References to each original, other than by known functions, when it was given back. None: not given back yet.
_spare: dict[int, int] | None = None
#: The thread that is swapping code objects now.
_swapping = 0


def objects(*types: type) -> list[Any]:
    """All objects of exactly these types. In a kernel this takes 25 to 50 ms."""
    wanted = frozenset(types)
    return [each for each in gc.get_objects() if type(each) in wanted]


def code_of(each: Any) -> Any:
    """The code object of a function, generator or coroutine."""
    return each.__code__ if type(each) is FunctionType else getattr(each, f"{SUSPENDED[type(each)]}_code")


def suspended_code(each: Any) -> CodeType | None:
    """The code object of a generator or coroutine that can go on; None if it has ended."""
    return code_of(each) if getattr(each, f"{SUSPENDED[type(each)]}_frame") is not None else None


class Place(NamedTuple):
    """Where a frame is: the frame's id, its code, and the offset of the instruction that it executes."""

    frame: int
    code: CodeType
    offset: int


def places() -> list[Place]:
    """All frames that are being executed, in all threads.

    It returns no frame objects: a frame in a variable of its own is a cycle, which keeps all variables of its callers
    alive until the next collection.
    """
    found = []
    current: FrameType | None
    for current in sys._current_frames().values():
        while current is not None:
            found.append(Place(id(current), current.f_code, current.f_lasti))
            current = current.f_back  # noqa: PLW2901 (another variable would keep this frame)
    return found


def running_elsewhere() -> list[CodeType]:
    """The code of frames that are being executed in other threads: they began before a run, and go on in it."""
    found = {}
    current: FrameType | None
    for thread, current in sys._current_frames().items():
        while current is not None and thread != threading.get_ident():
            found[id(current.f_code)] = current.f_code
            current = current.f_back  # noqa: PLW2901 (as in places)
    return list(found.values())


def of_main() -> Iterator[FunctionType]:
    """The functions reachable from the main module's names, as cells define them. Runs none of the user's code."""
    main = sys.modules.get("__main__")
    stack = list(vars(main).values()) if isinstance(main, ModuleType) else []
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        kind = type(value)
        if kind is FunctionType:
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                stack += [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        elif kind is staticmethod or kind is classmethod:
            stack.append(value.__func__)
        elif kind is property:
            stack += [value.fget, value.fset, value.fdel]
        elif kind is _CACHED:
            stack.append(value.__wrapped__)
        elif issubclass(kind, type) and id(value) not in seen:
            seen.add(id(value))
            members: Any = _MEMBERS(value)
            if members.get("__module__") == "__main__":
                stack += list(members.values())


#: Reads the dictionary of a class; a metaclass cannot change the result.
_MEMBERS = type.__dict__["__dict__"].__get__
_CACHED = type(functools.lru_cache(len))


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


# --- runs


def begin(tracer: object) -> None:
    """A run begins."""
    global _spare  # noqa: PLW0603
    _RUNNING.add(tracer)
    _spare = None


def end(tracer: object) -> None:
    """A run ends; its functions keep the instrumented code until :func:`give_back`."""
    _RUNNING.discard(tracer)


def swap(function: FunctionType, new: CodeType) -> None:
    """Give a function another code object; takes effect at its next call."""
    with swapping():
        function.__code__ = new
    if registry.known(new) is not None:
        _SWAPPED[function] = new


@contextmanager
def swapping() -> Iterator[None]:
    """Around a change of ``__code__`` that is ours, for the audit hook of 3.11."""
    global _swapping  # noqa: PLW0603
    before, _swapping = _swapping, threading.get_ident()
    try:
        yield
    finally:
        _swapping = before


def is_swapping() -> bool:
    """Whether this thread is inside :func:`swapping`."""
    return _swapping == threading.get_ident()


def swap_again(wanted: CodeFilter, instrument: Callable[[CodeType], CodeType]) -> None:
    """Instrument again the functions that got their original code back and still have it."""
    for function, code in list(_SWAPPED.items()):
        known = registry.known(code)
        if known is not None and function.__code__ is known.original and wanted(known.original):
            swap(function, instrument(code))


def give_back() -> None:
    """Give every function with instrumented code its original code. Does nothing while another run goes on."""
    global _spare  # noqa: PLW0603
    if _RUNNING:
        return
    for function in list(_SWAPPED):
        _restore(function)
    # Instrumented code made other functions. References to their code objects show whether there are any.
    codes = [code for code, _ in registry.all_known() if code.co_flags & IN_FUNCTIONS]
    missing = _unexplained(codes, _holders_of_instrumented())
    for function in of_main() if missing else ():
        if missing.get(id(function.__code__)):
            missing[id(function.__code__)] -= 1
            _restore(function)
    if any(missing.values()):
        for each in objects(FunctionType, *SUSPENDED):
            if type(each) is FunctionType:
                _restore(each)
            elif (code := suspended_code(each)) is not None and registry.known(code) is not None:
                _WAITING.add(each)  # it explains references the next time
    originals = _originals()
    _spare = _unexplained(originals, _holders_of(originals))


def grown() -> list[CodeType]:
    """The originals that new functions may have, because the number of references to them has changed."""
    if _spare is None:
        return []
    originals = _originals()
    now = _unexplained(originals, _holders_of(originals))
    return [each for each in originals if now.get(id(each), 0) != _spare.get(id(each), 0)]


def _restore(function: FunctionType) -> None:
    code = function.__code__
    if (known := registry.known(code)) is not None:
        with swapping():
            function.__code__ = known.original
        _SWAPPED[function] = code


def references(codes: list[CodeType]) -> list[int]:
    """The number of references to each code object, without the one of this list."""
    return [count - _OWN for count in map(sys.getrefcount, codes)]


_OWN = 0
_OWN = references([compile("0", "", "eval")])[0]


def _references_of_a_generator() -> int:
    def suspended() -> Iterator[None]:
        yield

    code = [suspended.__code__]
    (before,) = references(code)
    waiting = suspended()
    next(waiting)
    return references(code)[0] - before


_BY_SUSPENDED = _references_of_a_generator()


def _unexplained(codes: list[CodeType], explained: Counter[int]) -> dict[int, int]:
    """The number of references beyond the explained ones, by id of the code object; zeros left out."""
    found = {id(code): count - explained[id(code)] for code, count in zip(codes, references(codes), strict=True)}
    return {key: count for key, count in found.items() if count}


def _originals() -> list[CodeType]:
    found = {id(known.original): known.original for _, known in registry.all_known()}
    return [code for code in found.values() if code.co_flags & IN_FUNCTIONS]


def _holders_of_instrumented() -> Counter[int]:
    """References to instrumented code: constants of other code, what :data:`_SWAPPED` holds, frames and generators."""
    found = Counter(id(code) for code in _SWAPPED.values())
    for code, _ in registry.all_known():
        found.update(id(each) for each in code.co_consts if isinstance(each, CodeType))
    for each in list(_WAITING):
        if (waiting := suspended_code(each)) is not None:
            found[id(waiting)] += _BY_SUSPENDED
    held = {place.frame: id(place.code) for place in places()}
    stopped = getattr(sys, "last_traceback", None)  # IPython keeps the last one
    while stopped is not None:
        held[id(stopped.tb_frame)] = id(stopped.tb_frame.f_code)
        stopped = stopped.tb_next
    found.update(held.values())
    return found


def _holders_of(originals: list[CodeType]) -> Counter[int]:
    """References to originals: the registry, and the functions that they were given back to."""
    found = Counter(id(known.original) for _, known in registry.all_known())
    found.update(id(function.__code__) for function in list(_SWAPPED))
    return found


class Functions:
    """The functions that exist, by code object.

    They are searched once in a run. Functions that uninstrumented code made later are searched one at a time, up to a
    limit.
    """

    def __init__(self) -> None:
        self._by_code: dict[int, list[FunctionType]] | None = None
        self._searches = 40

    def swap_code(self, code: CodeType, new: CodeType) -> None:
        """Give the functions of a code object another one; takes effect at their next call."""
        if self._by_code is None:
            self._by_code = {}
            for each in objects(FunctionType):
                self._by_code.setdefault(id(each.__code__), []).append(each)
        found: Iterable[object] = self._by_code.pop(id(code), ())
        if not found and self._searches:
            self._searches -= 1
            found = gc.get_referrers(code)
        for function in found:
            if type(function) is FunctionType and function.__code__ is code:
                swap(function, new)
