"""The Python door: measure a block of code or a function, anywhere Python runs."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage as Measured
from ipy_branchcov.model.source import Source
from ipy_branchcov.reports.presented import Coverage
from ipy_branchcov.session.config import load_config
from ipy_branchcov.session.interactive import InteractiveSources, text_of
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

if TYPE_CHECKING:
    from ipy_branchcov.processes.block import BlockProcesses

P = ParamSpec("P")
R = TypeVar("R")


class Measurement:
    """A block that is measured, and :attr:`coverage`, what it covered: set when the block has ended."""

    def __init__(self, session: Session, caller: FrameType | None):
        self.coverage = Coverage()
        self._session = session
        self._caller = caller

    def __enter__(self) -> Measurement:
        caller, self._caller = self._caller, None
        self._session.start(frame=caller)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.coverage = Coverage.of(self._session.stop())


def measure(
    *source: str, counts: bool = False, omit: tuple[str, ...] = (), tracer: str = "auto", engines: object = None
) -> Measurement:
    """Measure the code that runs in a ``with`` block.

    ``source``: modules, files, folders; without one the caller's own file, or in a notebook or REPL all that was
    typed there. ``counts``: exact hits. ``omit``: globs of files to leave out. ``engines``: a client of Dask
    or ipyparallel, or several, whose workers are measured, too. The processes that the block starts are in any case.
    What is excluded or optional says the configuration.
    Raises UsageError for an unknown source or client, or a wrong configuration. ::

        with measure("mypackage") as run:
            ...
        print(run.coverage)
    """
    caller = sys._getframe(1)
    clients = tuple(engines) if isinstance(engines, list | tuple) else () if engines is None else (engines,)
    return Measurement(_session(caller.f_code, source, counts, omit, tracer, clients), caller)


@overload
def measured(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def measured(
    *source: str, counts: bool = False, omit: tuple[str, ...] = (), tracer: str = "auto"
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def measured(
    *source: Any, counts: bool = False, omit: tuple[str, ...] = (), tracer: str = "auto"
) -> Callable[..., Any]:
    """Measure each call of a function: ``@measured``, or ``@measured("mypackage", counts=True)``.

    The function's attribute ``coverage`` is the sum of its calls. Arguments are those of :func:`measure`; without a
    source the function's own file is measured. A call inside a call is part of it.
    """
    if len(source) == 1 and callable(source[0]):
        return _measured(source[0], (), counts, omit, tracer)
    return lambda function: _measured(function, source, counts, omit, tracer)


def _measured(
    function: Callable[..., Any], source: tuple[str, ...], counts: bool, omit: tuple[str, ...], tracer: str
) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"measured: {function.__qualname__} is a generator; put the loop over it below measure()")
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        raise UsageError(f"measured: {function!r} is not a function written in Python")
    session = _session(code, source, counts, omit, tracer)

    @contextmanager
    def run() -> Iterator[None]:
        if session.running:
            yield
            return
        session.start(function.__qualname__)
        try:
            yield
        finally:
            session.stop()
            call.coverage = Coverage.of(session.coverage())  # type: ignore[attr-defined]

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call(*arguments: Any, **keywords: Any) -> Any:
            with run():
                return await function(*arguments, **keywords)

    else:

        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            with run():
                return function(*arguments, **keywords)

    call.coverage = Coverage(counted=counts)  # type: ignore[attr-defined]
    return call


def _session(
    code: CodeType,
    source: tuple[str, ...],
    counts: bool,
    omit: tuple[str, ...],
    tracer: str,
    clients: tuple[object, ...] = (),
) -> Session:
    """A session that measures the sources, or the file of the code that asks for it; and the clients' workers."""
    locator: _TypedSources | None = None
    typed = not source and not os.path.isfile(code.co_filename)  # noqa: PTH113 False for a name that is too long, too
    if not source and not typed:
        source = (code.co_filename,)
    settings = load_config(Path.cwd())
    session = Session(replace(settings, source=source, counts=counts, omit=(*settings.omit, *omit), tracer=tracer))
    texts: Callable[[], list[Source]] = list
    if typed:
        locator = _interactive(code)
        session.add_locator(locator)
        texts = locator.sources
    processes = _Processes(session, locator)
    session.companions.append(processes)
    if clients:
        from ipy_branchcov.processes.engines import Gathering, engine_of
        from ipy_branchcov.processes.engines.texts import FUTURE

        engines = [engine_of(each) for each in clients]
        flags = code.co_flags & FUTURE
        # Behind the other companion: a worker that the block starts is its engine's, and leaves before what it is not.
        session.companions.append(
            lambda options: Gathering(engines, session.scope, options, texts(), flags, processes.folder).begin()
        )
    return session


class _TypedSources(Protocol):
    """A locator that knows all texts that were typed."""

    def __call__(self, code: CodeType, /) -> Source | None: ...
    def sources(self) -> list[Source]: ...
    def named(self) -> dict[str, Source]:
        """The texts by the file names in their code."""


class _Processes:
    """Begins to measure the processes of a run. What that needs is imported when the first run begins."""

    def __init__(self, session: Session, locator: _TypedSources | None):
        self._session = session
        self._typed = dict if locator is None else locator.named
        self._companion: BlockProcesses | None = None

    def __call__(self, options: RunOptions) -> Callable[[str], Measured] | None:
        if self._companion is None:
            from ipy_branchcov.processes.block import BlockProcesses

            self._companion = BlockProcesses(self._session, self._typed)
        return self._companion(options)

    @property
    def folder(self) -> Path | None:
        """Where they leave their data."""
        return None if self._companion is None else self._companion.folder


def _interactive(code: CodeType) -> _TypedSources:
    """The locator for what is typed where some code was typed. Raises UsageError where its text is not known."""
    if (ipython := sys.modules.get("IPython")) is not None and (shell := ipython.get_ipython()) is not None:
        from ipy_branchcov.notebook.cells import Cells

        return Cells(shell)
    name = code.co_filename
    if not text_of(code):
        raise UsageError(f"measure(): the text of {name} is not known here; name a module: measure('mypackage')")
    return InteractiveSources(name)
