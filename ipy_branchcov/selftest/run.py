"""Measure the built-in program in every way there is, and compare every outcome. Prints plain lines; status 0 or 1.

What is expected stands in the program, on the line. The reference tracer (``sys.settrace``) is compared with that, so
that a Python whose compiler does what we do not know is found, too; then each other way is compared with the reference,
or, where that is wrong, with what is expected.
"""

from __future__ import annotations

import io
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from ipy_branchcov import __version__
from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.span import Span
from ipy_branchcov.processes.block import BlockProcesses
from ipy_branchcov.selftest.crash import watched
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.tracer import Mechanism

PROGRAM = Path(__file__).with_name("program.py")
_EXPECTED = re.compile(r"# outcomes: ([A-Z\- ]+)$")
_REFERENCE = "settrace"
#: So many differences of one way are shown.
_MOST = 5
#: The tool ids that ``sys.monitoring`` has.
_IDS = range(6)

#: The hits of a branch, by where it stands and what it is.
Hits = dict[tuple[Span, str], tuple[int, ...]]


@dataclass(frozen=True)
class Way:
    """One way to measure. ``imported``: the program is imported in the run; else it was compiled before."""

    tracer: str
    counts: bool
    imported: bool = True

    def __str__(self) -> str:
        met = "" if self.imported else ", code compiled before"
        return f"{self.tracer}, {'counting' if self.counts else 'once'}{met}"


@dataclass(frozen=True)
class Found:
    """What a run in one way gave."""

    coverage: Coverage
    output: str
    mechanisms: tuple[tuple[str, Mechanism], ...]


def selftest(stdout: TextIO) -> int:
    """Print whether every way to measure agrees here; return 0 where all do, else 1. The last line is the verdict."""
    with watched(stdout), TemporaryDirectory(prefix="branchcov-selftest-") as folder:
        for line in _about():
            _print(line, stdout)
        path = Path(folder).resolve() / "selftest_program.py"  # a copy: nothing is known of it from earlier runs
        path.write_bytes(PROGRAM.read_bytes())
        disagreeing = 0
        for name, problems in _checks(path):
            disagreeing += bool(problems)
            _print(f"{name}: {'DOES NOT AGREE' if problems else 'agrees'}", stdout)
            for problem in problems[:_MOST]:
                _print(f"    {problem}", stdout)
            if len(problems) > _MOST:
                _print(f"    and {len(problems) - _MOST} more", stdout)
        _print(_verdict(disagreeing), stdout)
    return 1 if disagreeing else 0


def _print(line: str, stdout: TextIO) -> None:
    """Print a line now: the next check may end this process."""
    print(line, file=stdout, flush=True)


def _verdict(disagreeing: int) -> str:
    if not disagreeing and set(tracers()) == {_REFERENCE}:
        return (
            f"branchcov: every outcome is what is expected, by {_REFERENCE} alone: right, and slow, for no faster "
            "tracer of this version knows this Python"
        )
    if not disagreeing:
        return "branchcov: every outcome agrees on this Python, beside these tools"
    checks = "1 check does" if disagreeing == 1 else f"{disagreeing} checks do"
    return (
        f"branchcov: {checks} not agree: do not trust what is measured here. Try without the other tools; "
        "where that does not help, report these lines"
    )


def _about() -> Iterator[str]:
    """What is tested: this package, this Python, and the tools that are in this process already."""
    build = "free-threaded, " if not getattr(sys, "_is_gil_enabled", lambda: True)() else ""
    yield (
        f"branchcov {__version__}, {platform.python_implementation()} {platform.python_version()} "
        f"({build}{', '.join(platform.python_build())}), {platform.platform()}"
    )
    yield f"other tools in this process: {', '.join(_tools()) or 'none'}"


def _tools() -> Iterator[str]:
    for kind, function in (("trace", sys.gettrace()), ("profile", sys.getprofile())):
        if function is not None:
            yield f"the {kind} function of {_home(function)}"
    if sys.version_info >= (3, 12):
        for number in _IDS:
            if (name := sys.monitoring.get_tool(number)) is not None:
                yield f"{name} (sys.monitoring tool {number})"


def _home(function: object) -> str:
    return str(getattr(function, "__module__", None) or type(function).__module__)


# --- checks


def _checks(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each check by name, with what does not agree; in the order in which they are made."""
    plain = _captured(lambda: _imported(path))
    lines = path.read_text("utf-8").splitlines()
    try:
        reference = _measured(path, Way(_REFERENCE, counts=True, imported=False))
    except BranchcovError as error:
        yield f"reference ({_REFERENCE})", [str(error)]
        return
    hits = _hits(reference.coverage)
    outcomes = sum(map(len, hits.values()))
    problems = [*_changed(plain, reference), *_notes(reference.coverage), *_unexpected(lines, reference.coverage)]
    yield f"reference ({_REFERENCE}), {outcomes} outcomes of {len(hits)} branches, and what is expected", problems
    expected = None if problems else hits
    for way in _ways():
        try:
            found = _measured(path, way)
        except BranchcovError as error:
            yield str(way), [str(error)]
            continue
        problems = [*_changed(plain, found), *_notes(found.coverage), *_fallen_back(found, way)]
        yield str(way), [*problems, *_compared(lines, expected, found.coverage, counts=way.counts)]
    yield "a process that a run starts", _of_process(path, lines, expected)


def _ways() -> Iterator[Way]:
    for tracer in tracers():
        if tracer == _REFERENCE:
            continue
        for counts in (False, True):
            yield Way(tracer, counts)
            yield Way(tracer, counts, imported=False)


def _measured(path: Path, way: Way) -> Found:
    """Run the program in one way. Raises TracerError, UsageError."""
    code = compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True)
    session = Session(RunOptions(tracer=way.tracer, counts=way.counts), root=path.parent)
    session.add_source(str(path))
    with session.measuring("selftest") as run:
        output = _captured((lambda: _imported(path)) if way.imported else (lambda: _executed(code)))
    return Found(run.coverage, output, tuple(session.mechanisms))


def _captured(run: Callable[[], None]) -> str:
    """What a run prints, and the error that ends it, which only a faulty measurement can cause."""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            run()
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return out.getvalue()


def _imported(path: Path) -> None:
    name = path.stem
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()


def _executed(code: object) -> None:
    names: dict[str, object] = {"__name__": "selftest_program"}
    exec(code, names)  # type: ignore[arg-type]
    names["main"]()  # type: ignore[operator]


def _of_process(path: Path, lines: list[str], expected: Hits | None) -> list[str]:
    """What does not agree where another Python process runs the program, as a measured program may start it."""
    session = Session(RunOptions(), root=path.parent)
    session.add_source(str(path))
    session.companions.append(BlockProcesses(session))
    program = f"import sys; sys.path.insert(0, {str(path.parent)!r}); import {path.stem}; {path.stem}.main()"
    try:
        with session.measuring("selftest") as run:
            ended = subprocess.run([sys.executable, *_flags(), "-c", program], capture_output=True, check=False)
    except (BranchcovError, OSError) as error:
        return [str(error)]
    problems = [*_notes(run.coverage), *(f"lost: {line}" for line in sorted(run.coverage.lost))]
    if not ended.stdout:
        problems.append(f"the process ended with status {ended.returncode} and printed nothing")
    if not any(any(outcomes) for outcomes in _hits(run.coverage).values()):
        where = "branchcov.start" if sys.version_info >= (3, 15) else "branchcov.pth"
        return [*problems, f"it was not measured: {where} is not among this Python's packages; install there"]
    return [*problems, *_compared(lines, expected, run.coverage, counts=False)]


def _flags() -> list[str]:
    """The flags of this interpreter that change what code is compiled to, and whether ``site`` is read."""
    letters = "O" * sys.flags.optimize + "I" * sys.flags.isolated + "E" * sys.flags.ignore_environment
    flags = [f"-{letter}" for letter in letters]
    return [*flags, *(["-X", "no_debug_ranges"] if sys._xoptions.get("no_debug_ranges") else [])]


# --- comparisons


def _hits(coverage: Coverage) -> Hits:
    return {
        branch.key: tuple(outcome.hits for outcome in branch.outcomes) for each in coverage for branch in each.branches
    }


def _unexpected(lines: list[str], coverage: Coverage) -> Iterator[str]:
    """Where a line's outcomes are not those in its comment."""
    found: dict[int, list[str]] = {}
    for branch in (branch for each in coverage for branch in each.branches if not branch.composite):
        found.setdefault(branch.span.line, []).append(_letters(branch))
    for number, line in enumerate(lines, 1):
        match = _EXPECTED.search(line)
        expected, is_so = match[1].strip() if match else "", " ".join(found.get(number, ()))
        if not __debug__ and _code(line).startswith("assert "):
            continue  # it has no code
        if expected != is_so:
            yield f"line {number}, `{_code(line)}`: expected {expected or 'nothing'}, found {is_so or 'nothing'}"


def _letters(branch: Branch) -> str:
    return "".join(each.name[0].upper() if each.covered else "-" for each in branch.outcomes)


def _compared(lines: list[str], reference: Hits | None, coverage: Coverage, *, counts: bool) -> Iterator[str]:
    """Where hits are not those of the reference; where that is wrong itself (None), those that the lines expect."""
    if reference is None:
        yield from _unexpected(lines, coverage)
    else:
        yield from _differences(lines, reference, _hits(coverage), counts=counts)


def _differences(lines: list[str], reference: Hits, found: Hits, *, counts: bool) -> Iterator[str]:
    """Where hits are not those of the reference: the numbers where they were counted, else whether there are any."""
    for key in sorted(reference.keys() | found.keys(), key=lambda key: (key[0].order, key[1])):
        expected, hits = reference.get(key), found.get(key)
        if expected is not None and not counts:
            expected = tuple(min(each, 1) for each in expected)
        if expected != hits:
            line = key[0].line
            yield f"line {line}, `{_code(lines[line - 1])}`, {key[1]}: reference {expected}, found {hits}"


def _changed(plain: str, found: Found) -> Iterator[str]:
    if found.output != plain:
        end = found.output.splitlines()[-1:] or ["nothing"]
        yield f"the program's own output is another than without measurement; it ends with: {end[0]}"


def _notes(coverage: Coverage) -> Iterator[str]:
    for each in coverage:
        yield from each.notes
    yield from (f"lost: {line}" for line in sorted(coverage.lost))


def _fallen_back(found: Found, way: Way) -> Iterator[str]:
    """The code that the tracer's own mechanism did not measure, though it could have: the result is right, and slow."""
    if way.imported:
        for name, mechanism in found.mechanisms:
            if mechanism.fell_back:
                yield f"{name}: measured by the fallback ({mechanism})"


def _code(line: str) -> str:
    return line.partition("  #")[0].strip()
