"""What measuring costs once, however long the measured code runs: imports, runs' begin and end, analysis, merging.

    python benchmarks/fixed.py [--repeat N]

Milliseconds of the processor's time, medians. What must grow no faster than the size of a thing is measured at several
sizes. ``cells.py`` measures what ``%%branchcov`` adds to a cell.
"""

from __future__ import annotations

import argparse
import gc
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.cli import main as branchcov
from ipy_branchcov.model.source import Source
from ipy_branchcov.session.session import Session

SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
LOADED = f"{SHELL}; shell.run_line_magic('load_ext', 'ipy_branchcov')"
#: Eight lines of a module: two code objects, six branches.
FUNCTION = """
def f{n}(x, y=0):
    if x > {n} and y:
        return [z for z in range(x) if z % 2]
    for i in range(3):
        y += i if x else {n}
    return y

"""


def module(lines: int) -> str:
    return "".join(FUNCTION.format(n=n) for n in range(lines // 8))


def processor(work: Callable[[], object], repeat: int) -> float:
    """Milliseconds of this process."""
    values = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        values.append(1000 * (time.process_time() - start))
    return statistics.median(values)


def child(code: str) -> float:
    """Milliseconds of a process that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def report(what: str, milliseconds: float, goal: str = "") -> None:
    print(f"{what:<72} {milliseconds:8.1f} ms{f'   goal: {goal}' if goal else ''}", flush=True)


def imports(repeat: int) -> None:
    pairs = [(child(SHELL), child(LOADED)) for _ in range(repeat)]
    plain = statistics.median(plain for plain, _ in pairs)
    report("import of IPython, a shell made", plain)
    added = statistics.median(loaded - plain for plain, loaded in pairs)
    report("the extension beyond that", added, "100")


@contextmanager
def imported(lines: int) -> Iterator[tuple[Session, list[Callable[[int], object]]]]:
    """A session that measures a module of so many lines, and the module's functions."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"of_{lines}_lines.py"
        path.write_text(module(lines))
        sys.path.insert(0, folder)
        session = Session()
        session.add_source(str(path))
        with session.measuring("import"):
            made = import_module(path.stem)
        sys.path.remove(folder)
        yield session, [value for name, value in vars(made).items() if name[0] == "f"]


def runs(repeat: int) -> None:
    """Begin and end of a run, the module's functions having run in an earlier one."""
    with imported(8 * 1000) as (session, functions):

        def run(set_context: int) -> Callable[[], None]:
            def work() -> None:
                session.start("again")
                for function in functions[:set_context]:
                    function(1)
                session.stop()

            return work

        run(len(functions))()
        report("a run begins and ends, 2,000 code objects known, none runs", processor(run(0), repeat), "50")
        report("the same, one function of them runs", processor(run(1), repeat), "50")
        report("the same, all of them run and are reported", processor(run(len(functions)), repeat))


def first_hits(repeat: int) -> None:
    """The first taking of outcomes, with values and without."""
    for values in (True, False):
        spent = []
        for _ in range(repeat):
            with imported(8 * 500) as (session, functions):
                session.start("first", replace(session.options, values=values))
                start = time.process_time()
                for function in functions:
                    function(1)
                    function(3000)
                spent.append(1000 * (time.process_time() - start))
                session.stop()
            sys.modules.pop("of_4000_lines")
        report(f"500 functions run twice, {'with' if values else 'without'} values", statistics.median(spent))


def analyses(repeat: int) -> None:
    for lines in (2_500, 5_000, 10_000, 20_000):
        source = Source("m", module(lines), "file")
        code = compile(source.text, "m", "exec")
        gc.disable()  # as a session does meanwhile
        report(
            f"a module of {lines:,} lines analysed",
            processor(lambda source=source, code=code: find_branches(source, [code]), repeat),
            "1,000" if lines == 10_000 else "",
        )
        gc.enable()


def merges(repeat: int) -> None:
    with TemporaryDirectory() as folder:
        one = Path(folder) / "one.json"
        script = Path(folder) / "script.py"
        script.write_text(module(240) + "\nf1(3)\n")
        command = [sys.executable, "-m", "ipy_branchcov", "run", "--json", str(one), str(script)]
        subprocess.run(command, check=True, cwd=folder)
        merged = str(Path(folder) / "merged.json")

        def merge(count: int) -> Callable[[], object]:
            return lambda: branchcov(["merge", *[str(one)] * count, "-o", merged])

        for count in (250, 500, 1000, 2000):
            report(f"{count:,} data files of 240 lines merged", processor(merge(count), repeat))


def main() -> None:
    parser = argparse.ArgumentParser(description="What measuring costs once.")
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    print(f"Python {platform.python_version()}, medians of {repeat}")
    for part in (imports, runs, first_hits, analyses, merges):
        part(repeat)


if __name__ == "__main__":
    main()
