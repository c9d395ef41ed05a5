"""What a trial may do: compute and read. Everything else is refused, and the call is not suggested.

The wall stands in a process that does trials and ends with it. An audit hook cannot be removed; what has no audit
event is replaced; open files lead nowhere; the system refuses to write to files at all. A library that is written in C
can still do what none of these see, such as creating an empty file.
"""

from __future__ import annotations

import builtins
import gc
import io
import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

#: Bytes that trials may use beyond what the process has when they begin.
MEMORY = 512 * 1024 * 1024
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Families of events of which each is refused that is not allowed below.
_REFUSED = frozenset(
    {
        "ctypes", "ensurepip", "fcntl", "ftplib", "http", "imaplib", "msvcrt", "nntplib", "os", "poplib",
        "pty", "resource", "shutil", "signal", "smtplib", "socket", "sqlite3", "subprocess", "syslog", "telnetlib",
        "tempfile", "urllib", "webbrowser", "winreg", "_winapi", "_posixsubprocess",
    }
)  # fmt: skip
_ALLOWED = frozenset(
    {
        "ctypes.cdata", "ctypes.cdata/buffer", "ctypes.addressof", "ctypes.string_at", "os.chdir", "os.fwalk",
        "os.getxattr", "os.listdir", "os.listdrives", "os.listmounts", "os.listvolumes", "os.listxattr", "os.putenv",
        "os.scandir", "os.unsetenv", "os.walk", "os.add_dll_directory", "sqlite3.connect/handle", "socket.gethostname",
    }
)  # fmt: skip
#: The modules of ours that call the interpreter by ctypes while code is measured: to look at the values on a frame's
#: stack, and where code is instrumented when it is first called.
_OURS = frozenset(f"ipy_branchcov.bytecode.{name}" for name in ("frames", "memory", "thread_state"))
#: Functions without an audit event that change something outside the process.
_SILENT = (
    ("os", "mkfifo"), ("os", "mknod"), ("os", "pwrite"), ("os", "pwritev"), ("os", "sendfile"), ("os", "splice"),
    ("os", "copy_file_range"), ("os", "nice"), ("os", "setpriority"), ("os", "sched_setaffinity"), ("os", "sync"),
    ("os", "setsid"), ("os", "setpgid"), ("os", "memfd_create"), ("_posixshmem", "shm_open"),
    ("_posixshmem", "shm_unlink"), ("_multiprocessing", "sem_unlink"),
)  # fmt: skip


class Refused(BaseException):
    """A trial was about to do what it may not. No ``Exception``, so that a program's own handlers do not catch it."""


class Late(BaseException):
    """A trial has used its time."""


class Wall:
    """Refuses effects between :meth:`begin` and :meth:`end` of each trial; what it refused is in :attr:`refused`.

    ``refusal``: what it raises.
    """

    def __init__(self, refusal: type[BaseException] = Refused) -> None:
        self._refusal = refusal
        self.refused: list[str] = []
        self._on = False
        #: Whether an event loop of ours is being made, which connects two sockets to each other.
        self.makes_loop = False

    def build(self, keep: set[int]) -> None:
        """Build the wall around this process, for good. ``keep``: the file descriptors that lead to its parent."""
        sys.dont_write_bytecode = True
        sys.addaudithook(self._audit)
        self._replace()
        _close(keep)
        _limit_system()

    def begin(self) -> None:
        self.refused = []
        self._on = True

    def end(self) -> None:
        self._on = False

    def refuse(self, what: str) -> NoReturn:
        if what not in self.refused:
            self.refused.append(what)
        raise self._refusal(what)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open":
            self._opened(*arguments)
            return
        family = event.partition(".")[0]
        if family not in _REFUSED or event in _ALLOWED:
            return
        if event == "socket.__new__" and self.makes_loop:
            return
        if family == "ctypes" and sys._getframe(1).f_globals.get("__name__") in _OURS:
            return
        if event == "sqlite3.connect" and arguments and arguments[0] == ":memory:":
            return
        self.refuse(event)

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        writes = isinstance(flags, int) and flags & _WRITING
        if (writes or (isinstance(mode, str) and set(mode) & set("wax+"))) and path != os.devnull:
            self.refuse("open for writing")

    def _replace(self) -> None:
        for module, name in _SILENT:
            home = sys.modules.get(module)
            if home is None:
                with suppress(ImportError):
                    home = __import__(module)
            if home is not None and hasattr(home, name):
                setattr(home, name, self._refusing(f"{module}.{name}"))
        builtins.input = _no_input
        sys.stdin = io.StringIO()
        sys.stdout = sys.stderr = _Sink()

    def _refusing(self, what: str) -> Any:
        def refuse(*arguments: Any, **keywords: Any) -> NoReturn:
            self.refuse(what)

        return refuse


def _no_input(*prompt: Any) -> str:
    raise EOFError("nobody answers a trial")


class _Sink(io.TextIOBase):
    """Takes what trials print."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False


def _close(keep: set[int]) -> None:
    """Let every open file lead nowhere. Their numbers stay taken, so that no object closes a new file by an old one."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    places = "/dev/fd" if os.path.isdir("/dev/fd") else "/proc/self/fd"  # noqa: PTH112
    with suppress(OSError):
        for name in os.listdir(places):  # noqa: PTH208
            number = int(name)
            if number not in keep and number != nowhere:
                with suppress(OSError):
                    os.fstat(number)
                    os.dup2(nowhere, number)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)


def _limit_system() -> None:
    """Limits of the system's own: no bytes in files, no core, and so much memory."""
    import resource

    for kind, most in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
    with suppress(OSError, ValueError, IndexError):
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            size = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    gc.freeze()  # what the parent will not have back is not to be collected here, with all that would set off
