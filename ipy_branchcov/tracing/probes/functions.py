"""Find functions by their code objects, swap in instrumented ones, and give the originals back.

The state of this module: which generators and coroutines are suspended in instrumented code, which tracers are running,
and the references to originals after the last run.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from operator import sub
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any, NamedTuple

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import reachable, registry, swapped
from ipy_branchcov.tracing.probes.swapped import swapping
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS

#: Types of what can be suspended, with the prefix of their attributes.
SUSPENDED = {GeneratorType: "gi", CoroutineType: "cr", AsyncGeneratorType: "ag"}
#: Suspended generators and coroutines that a search found to run instrumented code.
_WAITING: weakref.WeakSet[Any] = weakref.WeakSet()
#: The tracers that are running, with what they make of code. While there are any, nothing is given back.
_RUNNING: weakref.WeakKeyDictionary[object, Mechanism] = weakref.WeakKeyDictionary()
#: What new functions of a run are remembered under: the label of the run; 0 while there are several.
_label = 0
#: References to inner originals, other than by known functions, when they were given back. None: not given back yet.
_spare: dict[int, int] | None = None


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


def runs(each: Any) -> bool:
    """Whether a generator or coroutine is being executed."""
    return bool(getattr(each, f"{SUSPENDED[type(each)]}_running"))


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


# --- runs


def running() -> list[object]:
    """The tracers that run: more than one where a measured program measures a part of itself."""
    return list(_RUNNING)


def counting() -> bool:
    """Whether one of them counts: a function has one code object, so that the others do, too."""
    return any(kind.counting for kind in _RUNNING.values())


def following() -> bool:
    """Whether one of them follows decisions; the same holds."""
    return any(kind.follows for kind in _RUNNING.values())


def begin(tracer: object, kind: Mechanism) -> None:
    """A run begins."""
    global _spare, _label  # noqa: PLW0603
    _RUNNING[tracer] = kind
    _spare = None
    if len(_RUNNING) > 1:
        _label = 0


def end(tracer: object) -> None:
    """A run ends; its functions keep the instrumented code until :func:`give_back`."""
    _RUNNING.pop(tracer, None)


def swap(function: FunctionType, new: CodeType) -> None:
    """Give a function another code object; takes effect at its next call."""
    with swapping():
        function.__code__ = new
    if (known := registry.known(new)) is not None:
        swapped.remember(function, known.original, new, _label)


def swap_named(code: CodeType, names: dict[str, Any], instrument: Callable[[CodeType], CodeType]) -> bool:
    """Swap the function that has the name of a code object and this code; return whether there is one.

    ``names``: the global names where it was defined. Runs none of the user's code.
    """
    found: Any = None
    members: Any = names if type(names) is dict else {}
    for part in code.co_qualname.split("."):
        found = members.get(part)
        members = reachable.MEMBERS(found) if issubclass(type(found), type) else {}
    if type(found) in (staticmethod, classmethod):
        found = found.__func__
    if type(found) is not FunctionType or found.__code__ is not code:
        return False
    swap(found, instrument(code))
    return True


def swap_again(wanted: CodeFilter, kind: Mechanism, instrument: Callable[[CodeType], CodeType]) -> None:
    """Instrument again the functions that got their original code back and still have it."""
    global _label  # noqa: PLW0603
    _label = swapped.label(wanted, kind)
    for entry in swapped.instrument_again(_label):  # another run's
        function = entry()
        if function is not None and function.__code__ is entry.original and wanted(entry.original):
            swap(function, instrument(entry.instrumented))


def give_back() -> None:
    """Give every function with instrumented code its original code. Does nothing while another run goes on."""
    global _spare  # noqa: PLW0603
    if _RUNNING:
        return
    swapped.restore_all()
    # Instrumented code made other functions. References to their code objects show whether there are any.
    missing = _unexplained()
    if missing:
        missing = _without_frames(missing)
    if missing:
        _restore_in_modules(missing)
    if missing:
        instrumented = registry.numbers()
        for each in objects(FunctionType, *SUSPENDED):
            if type(each) is FunctionType:
                if id(each.__code__) in instrumented:
                    _restore(each)
            elif (code := suspended_code(each)) is not None and registry.known(code) is not None:
                _WAITING.add(each)  # it explains references the next time
    _spare = _references_to_inner()


def grown() -> list[CodeType]:
    """The originals that new functions may have, because the number of references to them has changed.

    Only code that is made into functions by other functions is looked at: by nothing else can code that ran before get
    into another function without an audit event.
    """
    if _spare is None or not (_spare or registry.has_inner()):
        return []
    swapped.forget_gone()
    if (now := _references_to_inner()) == _spare:
        return []
    originals = dict(zip(*registry.inner_originals(), strict=True))
    return [code for number, code in originals.items() if now.get(number, 0) != _spare.get(number, 0)]


def _restore(function: FunctionType) -> None:
    code = function.__code__
    if (known := registry.known(code)) is not None:
        with swapping():
            function.__code__ = known.original
        swapped.remember(function, known.original, code, _label)


def _restore_in_modules(missing: dict[int, int]) -> None:
    """Give back to functions that modules name, the main module first.

    ``missing``: references, by the id of the code, of which some stay.
    """
    names: dict[str, set[str]] = {}
    for code in map(registry.code_of, missing):
        if code is not None:
            names.setdefault(code.co_filename, set()).add(code.co_qualname.partition(".")[0])
    # A module of another type can have a __getattribute__ of its own.
    files = {name: vars(each).get("__file__") for name, each in sys.modules.copy().items() if type(each) is ModuleType}
    imported = [(name, names[file]) for name, file in files.items() if type(file) is str and file in names]
    for module, first in [("__main__", set().union(*names.values())), *imported]:
        for function in reachable.of_module(module, first):
            key = id(function.__code__)
            if key in missing:
                _restore(function)
                missing[key] -= 1
                if not missing[key]:
                    del missing[key]
                if not missing:
                    return


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


def _unexplained() -> dict[int, int]:
    """The references to instrumented code that nothing known holds, by the code's id; zeros left out."""
    ids, codes = registry.of_functions()
    counts, expected = references(codes), list(map(registry.HOLDERS.get, ids, repeat(0)))
    if counts == expected:
        return {}
    return {key: count - known for key, count, known in zip(ids, counts, expected, strict=True) if count != known}


def _without_frames(missing: dict[int, int]) -> dict[int, int]:
    """References to instrumented code that neither frames explain nor generators; zeros left out."""
    found = Counter(missing)
    for each in list(_WAITING):
        if (waiting := suspended_code(each)) is not None:
            found[id(waiting)] -= _BY_SUSPENDED
    held = {place.frame: id(place.code) for place in places()}
    stopped = getattr(sys, "last_traceback", None)  # IPython keeps the last one
    while stopped is not None:
        held[id(stopped.tb_frame)] = id(stopped.tb_frame.f_code)
        stopped = stopped.tb_next
    found.subtract(held.values())
    return {key: count for key in missing if (count := found[key])}


def _references_to_inner() -> dict[int, int]:
    """References to originals that other functions make functions of, but for those by known functions."""
    ids, codes = registry.inner_originals()
    return dict(zip(ids, map(sub, references(codes), map(swapped.OF_INNER.get, ids, repeat(0))), strict=True))


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
