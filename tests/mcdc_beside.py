"""MC/DC of the same decisions with the same calls: by compilers of C, by pymcdc, and by us.

    python -m tests.mcdc_beside [--clang clang-19] [--gcc gcc-14] [--root FOLDER]

prints the table of ``docs/mcdc.md``; tools that are not there have no column. ``--root``: a Debian, as ``debootstrap``
makes one, in which the compilers are; they run there by ``chroot``. LLVM's tools are those of the compiler's version.

    debootstrap --variant=minbase --include=gcc-14,libc6-dev,clang-19,llvm-19,libclang-rt-19-dev sid FOLDER
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session


@dataclass(frozen=True)
class Example:
    """A decision, and the arguments of each call; ``name``: what the table calls it."""

    text: str
    calls: tuple[tuple[int, ...], ...]
    name: str = ""

    @property
    def parameters(self) -> list[str]:
        """The names in the text, which are all of one letter."""
        return sorted(set(re.findall(r"\b[a-z]\b", self.text)))


EXAMPLES = (
    Example("a and b", ((1, 1), (0, 1))),
    Example("a or b", ((1, 0), (0, 1), (0, 0))),
    Example("a and (b or c)", ((1, 1, 0), (0, 1, 0), (1, 0, 0))),
    Example("(a or b) and c", ((1, 0, 1), (0, 0, 1), (0, 1, 0))),
    Example("not (a and b) or c", ((1, 1, 0), (0, 1, 0), (1, 0, 0))),
    Example("(a or b) and (c or d)", ((1, 0, 1, 0), (0, 0, 1, 0), (0, 1, 0, 0))),
    Example("(a and b) or (a and c)", ((1, 1, 0), (0, 1, 0), (1, 0, 1))),
    Example("a > 0 and b > 0 and c > 0", ((1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0))),
    Example("y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)", ((2004,), (2001,), (2000,)), "leap year"),
    Example("(a and b) or (c and d)", ((1, 1, 0, 0), (0, 1, 0, 1), (0, 1, 1, 1), (0, 1, 1, 0))),
)


# --- the programs


def python_program(examples: tuple[Example, ...] = EXAMPLES) -> str:
    """A function for each example, and its calls. The decision of example N stands in line 3 * N + 2."""
    functions = [
        f"def f{number}({', '.join(each.parameters)}):\n    if {each.text}:\n        return 1\n"
        for number, each in enumerate(examples)
    ]
    calls = [f"f{number}{call}\n" for number, each in enumerate(examples) for call in each.calls]
    return "".join((*functions, *calls))


def c_program(examples: tuple[Example, ...] = EXAMPLES) -> str:
    """The same in C. The decision of example N stands in line N + 1."""
    functions, calls = [], []
    for number, each in enumerate(examples):
        written = each.text.replace("and", "&&").replace(" or ", " || ").replace("not ", "!")
        parameters = ", ".join(f"int {name}" for name in each.parameters)
        functions.append(f"int f{number}({parameters}) {{ if ({written}) return 1; return 0; }}\n")
        calls += [f"f{number}({', '.join(map(str, call))});" for call in each.calls]
    return "".join((*functions, f"int main(void) {{ {' '.join(calls)} return 0; }}\n"))


# --- the tools: by the number of an example, what its cell says

Cells = dict[int, str]


def ours() -> Cells:
    """The conditions that are shown."""
    with TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "decisions.py"
        path.write_text(python_program(), "utf-8")
        session = Session(RunOptions(mcdc=True, subprocesses=False))
        session.add_source(str(path))
        with session.measuring("run") as run:
            exec(session.instrument(compile(path.read_text("utf-8"), str(path), "exec")), {"__name__": "decisions"})
    found = {}
    for decision in run.coverage.sources[0].decisions or ():
        found[(decision.span.line - 2) // 3] = f"{sum(decision.shown)} of {len(decision.shown)}"
    return found


class Place:
    """A folder in which commands run; with ``root``, inside a Debian of its own."""

    def __init__(self, folder: Path, root: Path | None):
        self.folder, self._root = folder, root

    def run(self, *command: str) -> str:
        """What a command prints. Raises CalledProcessError, and FileNotFoundError where there is no such command."""
        if self._root is not None:
            inside = f"/{self.folder.relative_to(self._root)}"
            command = ("chroot", str(self._root), "sh", "-c", 'cd "$0" && exec "$@"', inside, *command)
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout


def llvm(place: Place, clang: str) -> Cells:
    """The conditions that have a pair; LLVM has no record of a decision that it refuses."""
    suffix = clang.removeprefix("clang")
    flags = ("-fprofile-instr-generate=p.raw", "-fcoverage-mapping", "-fcoverage-mcdc")
    place.run(clang, "-w", "-O0", *flags, "d.c", "-o", "llvm")
    place.run("./llvm")
    place.run(f"llvm-profdata{suffix}", "merge", "p.raw", "-o", "p.data")
    report = json.loads(place.run(f"llvm-cov{suffix}", "export", "./llvm", "-instr-profile=p.data"))
    found = dict.fromkeys(range(len(EXAMPLES)), "refused")
    for function in report["data"][0]["functions"]:
        for record in function.get("mcdc_records", ()):
            found[record[0] - 1] = f"{sum(record[-1])} of {len(record[-1])}"
    return found


def gcc(place: Place, compiler: str) -> Cells:
    """The outcomes of conditions that were covered, of two for each condition."""
    place.run(compiler, "-w", "-O0", "--coverage", "-fcondition-coverage", "d.c", "-o", "gcc")
    place.run("./gcc")
    tool = compiler.replace("gcc", "gcov")
    report = json.loads(place.run(tool, "--conditions", "--json-format", "--stdout", "gcc-d.gcda"))
    found = {}
    for line in report["files"][0]["lines"]:
        for record in line.get("conditions", ()):
            found[line["line_number"] - 1] = f"{record['covered']} of {record['count']}"
    return found


def pymcdc(folder: Path) -> Cells:
    """The combinations that it requires and that were covered."""
    (folder / "d.py").write_text(python_program(), "utf-8")
    command = [sys.executable, "-m", "pymcdc", "--run", "d.py"]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return dict(_tables(printed))


def _tables(printed: str) -> Iterator[tuple[int, str]]:
    for table in printed.split("Line number: (")[1:]:
        rows = re.findall(r"^ +\d+ \|.*(True|False) *$", table, re.MULTILINE)
        yield (int(table.partition(",")[0]) - 2) // 3, f"{rows.count('True')} of {len(rows)}"


# --- the table


def columns(clang: str, compiler: str, root: Path | None) -> Iterator[tuple[str, Cells]]:
    """The columns of the tools that are there, and ours."""
    home = str(root / "tmp") if root else None
    with TemporaryDirectory(dir=home) as name:
        place = Place(Path(name), root)
        (place.folder / "d.c").write_text(c_program(), "utf-8")
        yield from _column(lambda: (f"LLVM {_version(place, clang)}", llvm(place, clang)), clang)
        yield from _column(lambda: (f"GCC {_version(place, compiler)}", gcc(place, compiler)), compiler)
    with TemporaryDirectory() as name:
        yield from _column(lambda: (f"pymcdc {importlib.metadata.version('pymcdc')}", pymcdc(Path(name))), "pymcdc")
    yield "branchcov", ours()


def _column(make: Callable[[], tuple[str, Cells]], tool: str) -> Iterator[tuple[str, Cells]]:
    try:
        yield make()
    except (OSError, subprocess.CalledProcessError, importlib.metadata.PackageNotFoundError) as error:
        print(f"no column of {tool}: {error} {getattr(error, 'stderr', '') or ''}".rstrip(), file=sys.stderr)


def _version(place: Place, compiler: str) -> str:
    found = re.search(r"\b(\d+)\.\d+\.\d+\b", place.run(compiler, "--version"))
    return found[1] if found else ""


def table(found: list[tuple[str, Cells]]) -> str:
    """The table in Markdown."""
    rows = [["decision", "calls", *(name for name, _ in found)], ["---"] * (2 + len(found))]
    for number, each in enumerate(EXAMPLES):
        cells = [cells.get(number, "") for _, cells in found]
        rows.append([each.name or f"`{each.text}`", str(len(each.calls)), *cells])
    return "\n".join(f"|{'|'.join(row)}|" if row[0] == "---" else f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clang", default="clang-19")
    parser.add_argument("--gcc", default="gcc-14")
    parser.add_argument("--root", type=Path)
    options = parser.parse_args()
    print(table(list(columns(options.clang, options.gcc, options.root))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
