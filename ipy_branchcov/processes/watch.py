"""In a process that a measured run starts: wait for the first code that is measured, and only then begin to measure.

Most processes run none, and should cost nothing. So this needs nothing that an interpreter has not loaded when it
starts. What it waits for comes in three ways: the script that the interpreter runs; a module that is imported; code
that is executed or put into a function by a call, as picklers do, which an audit event precedes (PEP 578).

How the process ends is watched from its start: a program can keep ``os._exit`` before it imports what is measured.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import RLock, get_ident

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.processes import wake
from ipy_branchcov.processes.asked import CONTEXT, asked
from ipy_branchcov.processes.awaited import SENT, STANDARD_LIBRARY, Cells, Places
from ipy_branchcov.processes.endings import Endings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

__builtins__ = BUILTINS

_EVENTS = frozenset({"exec", "function.__new__"})
#: importlib's own file, and its loader and its finder: it is frozen, and loaded in every interpreter.
_IMPORTLIB: Any = sys.modules["_frozen_importlib_external"]
_FILE = "<frozen importlib._bootstrap_external>"
#: Modules of ours by which a program begins a run of its own. It is inside ours, so ours begins first.
_DOORS = frozenset(f"ipy_branchcov.{name}" for name in ("api", "cli", "notebook", "pytest_plugin.run"))
_FORK_SERVER = "from multiprocessing.forkserver import main"

#: The process in which this interpreter began: its forks are other ones.
_STARTED = os.getpid()


class Measured:
    """What is measured here, from its beginning on."""

    def ends(self, abrupt: bool) -> None:
        """The process ends; it leaves its data."""

    def go_on(self) -> None:
        """It goes on all the same: an ``exec`` failed."""


class Watch:
    """This process while it waits, and how it ends then. ``measure`` begins to measure it; an error of it is a loss."""

    def __init__(self, measure: Callable[[Watch], Measured]):
        self.measure = measure
        self.asked = asked()
        #: The current folder and the test that runs, when the process began.
        self.root = _current_folder()
        self.context = os.environ.get(CONTEXT, "")
        self.endings = Endings(self._ends, self._go_on)
        self._measured: Measured | None = None
        # What we import is the standard library's, also where a folder that is searched before has its names.
        self._path = sorted(sys.path, key=lambda place: not place.startswith(STANDARD_LIBRARY))
        self._places = Places([each for _, (_, *sources) in self.asked for each in sources])
        self._cells = [Cells(folder) for folder, _ in self.asked]
        #: Files of modules that are not measured.
        self._imported: set[str] = set()
        self._lock = RLock()
        self._beginning = False
        self._get_code: tuple[Any, Any] | None = None

    def start(self, *, late: bool = False) -> None:
        """Wait; or begin at once where the script is measured, or what we would import later ourselves.

        ``late``: the interpreter has loaded other modules before. It does not wait for those.
        """
        _waiting.append(True)
        self.endings.begin()
        atexit.register(self._end)
        _watching.append(self)
        if (
            self._places.unknown
            or self._places.covers(_script())
            or (late and any(map(self._places.covers, _loaded())))
        ):
            self.begin()
            return
        self._patch()
        if not _hooked:
            _hooked.append(True)
            waiting = _waiting  # a hook is called at each id() of anyone
            sys.addaudithook(lambda event, arguments: _arrives(arguments[0]) if waiting and event in _EVENTS else None)

    def stop(self) -> None:
        """Wait no more: another one measures this process."""
        _waiting.clear()
        self._give_back()
        self.endings.close()
        atexit.unregister(self._end)
        _watching.remove(self)

    @property
    def measured(self) -> bool:
        """Whether it has begun to measure."""
        return self._measured is not None

    @property
    def is_fork_server(self) -> bool:
        """Whether this is multiprocessing's fork server, not one of its forks."""
        return os.getpid() == _STARTED and is_fork_server()

    def begin(self) -> None:
        """Begin to measure, if that has not begun. It raises nothing of ours."""
        with self._lock:
            if self._beginning or not _waiting:
                return
            self._beginning = True
            finder = _AsAtStart(self._path)
            sys.meta_path.insert(0, finder)
            try:
                self._give_back()
                self._measured = self.measure(self)
            except BaseException as error:
                for folder, _ in self.asked:
                    lost(folder, error)
                if not isinstance(error, Exception):
                    raise
            finally:
                if finder in sys.meta_path:
                    sys.meta_path.remove(finder)
                self._beginning = False
                _waiting.clear()

    def arrives(self, filename: object, module: str = "") -> bool:
        """Code of a file is about to run; return whether we begin."""
        if not _waiting or type(filename) is not str or filename in self._imported:
            return False
        known = self._places.covers(filename) or filename == SENT or module in _DOORS
        if not known and module:  # it comes from a file, so it is no cell; its code is executed next
            if filename.startswith("/"):  # else it depends on the current folder
                self._imported.add(filename)
            return False
        if not known and not any(each.has(filename) for each in self._cells):
            return False
        self.begin()
        return True

    def forked(self) -> None:
        """This is a fork, with the thread that forked alone."""
        self._lock = RLock()
        self._beginning = False

    def _end(self) -> None:
        self.endings.end(abrupt=False)  # a signal waits for it

    def _ends(self, abrupt: bool) -> int:
        if self._measured is not None:
            self._measured.ends(abrupt)
        return 0

    def _go_on(self) -> None:
        if self._measured is not None:
            self._measured.go_on()

    def _patch(self) -> None:
        """See each module before its loader reads it: what is loaded then is instrumented."""
        loader_type = _IMPORTLIB.SourceFileLoader
        before, original, arrives = loader_type.__dict__.get("get_code"), loader_type.get_code, self.arrives
        imported = wake.imported

        def get_code(loader: Any, fullname: str) -> Any:
            imported(fullname)
            if arrives(getattr(loader, "path", None), fullname):
                return loader_type.get_code(loader, fullname)
            return original(loader, fullname)

        # As part of importlib's own file it is left out of tracebacks, as that of ``Imports`` is.
        code = get_code.__code__.replace(co_filename=_FILE)
        function: Any = type(get_code)
        home = {"__name__": "importlib._bootstrap_external", "__builtins__": __builtins__}
        self._get_code = (function(code, home, "get_code", None, get_code.__closure__), before)
        loader_type.get_code = self._get_code[0]

    def _give_back(self) -> None:
        """Give back the loader's method, unless another tool has wrapped it: it does nothing from now on."""
        loader_type = _IMPORTLIB.SourceFileLoader
        ours, self._get_code = self._get_code, None
        if ours is None or loader_type.__dict__.get("get_code") is not ours[0]:
            return
        if ours[1] is None:
            del loader_type.get_code
        else:
            loader_type.get_code = ours[1]


class _AsAtStart:
    """Finds modules for the thread that begins where they were found when the interpreter started.

    The program may have put folders before those of the standard library, and has finders of its own.
    """

    def __init__(self, path: list[str]):
        self._path = path
        self._thread = get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if path is not None or get_ident() != self._thread or name in sys.builtin_module_names:
            return None
        return _IMPORTLIB.PathFinder.find_spec(name, self._path)


#: The one that watches this process, and whether it waits still; whether the audit hook and the one of forks are there.
_watching: list[Watch] = []
_waiting: list[bool] = []
_hooked: list[bool] = []
_at_fork: list[bool] = []


def watch(measure: Callable[[Watch], Measured], *, late: bool = False) -> Watch | None:
    """Watch this process if a run asks for it. Returns what watches, None where nothing does or did so already.

    ``late``: this is not the interpreter's start.
    """
    if _watching:
        return None  # the line stands in more than one folder of site-packages
    found = Watch(measure)
    if not _at_fork and hasattr(os, "register_at_fork") and (found.asked or is_fork_server()):
        _at_fork.append(True)
        os.register_at_fork(after_in_child=lambda: _forked(measure))
    if not found.asked:
        return None
    found.start(late=late)
    return found


def watching() -> Watch | None:
    """What watches this process."""
    return _watching[0] if _watching else None


def is_fork_server() -> bool:
    """Whether this interpreter was started as multiprocessing's fork server."""
    return any(_FORK_SERVER in argument for argument in sys.orig_argv)


def command() -> str:
    """The command of this process, as a shell has it."""
    if is_fork_server():
        return "forked by multiprocessing's fork server"
    from shlex import join

    return join(sys.orig_argv)


def lost(folder: str, error: BaseException) -> None:
    """Report in the folder of a run that this process could not be measured."""
    path = os.path.join(folder, f"{os.getpid()}-{get_ident()}.failed")  # noqa: PTH118
    try:
        with open(path, "x", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123
            file.write(f"{command()}: {error!r}")
    except OSError:
        return  # the run has ended, and its folder is removed


def _arrives(code: CodeType) -> None:
    """In the audit hook: code is about to be executed, or put into a function."""
    if _watching:
        _watching[0].arrives(getattr(code, "co_filename", None))


def _forked(measure: Callable[[Watch], Measured]) -> None:
    """This is a fork. What is measured already is not begun again here."""
    each = watching()
    if each is not None:
        each.forked()
    if is_fork_server() and (each is None or not each.measured):
        ask_again(measure)


def ask_again(measure: Callable[[Watch], Measured]) -> None:
    """In a fork of a fork server, which may be older than the runs that ask for its forks now."""
    each = watching()
    if asked() != ([] if each is None else each.asked):
        if each is not None:
            each.stop()
        watch(measure, late=True)


def _loaded() -> list[str]:
    """The files of the modules that are loaded."""
    spaces = [getattr(module, "__dict__", None) for module in list(sys.modules.values())]
    files = [space.get("__file__") for space in spaces if type(space) is dict]
    return [file for file in files if type(file) is str]


def _script() -> str:
    """The file that the interpreter runs; "" where it runs another thing. A folder's is imported."""
    script = sys.argv[0] if getattr(sys, "argv", None) else ""
    return script if script not in {"", "-", "-c", "-m"} and os.path.isfile(script) else ""  # noqa: PTH113


def _current_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""
