"""What the view and the marks in cells cost a page: long tasks and times in a live JupyterLab, beside the plain cells.

    python benchmarks/drawing.py [CASE ...]

The browser's own clock: tasks of 50 ms and more (in which the page answers to nothing) while the cells run and are
drawn, and what single actions take. Plain: the same cells without measurement. It needs ``--group browser``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.jupyterlab import Lab, browser, server, written

FUNCTION = """\
def f{n}(x, y=0):
    if x is None or x == '':
        return y
    return [v for v in range(x) if v % 3 and v < 40]

"""
BIG = (
    "def big(x):\n"
    + "".join(f"    if x > {each} and x % {each + 2}:\n        x = x + 1 if x < 9 else x\n" for each in range(2500))
    + "    return x\n"
)


def _cell(*numbers: int) -> str:
    return "".join(FUNCTION.format(n=n) for n in numbers) + f"f{numbers[-1]}(3)"


CASES = {
    "60 cells": [_cell(n) for n in range(60)],
    "1,500 lines": [_cell(*range(300))],
    "5,000-line file": ["import big\nbig.big(5)"],
}
OBSERVE = """
window.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((each) => each.duration)))
  .observe({type: 'longtask'});
"""
#: Milliseconds of an action until the page has been drawn again.
TIMED = """
const end = arguments[arguments.length - 1];
const root = document.querySelector('.branchcov-widget');
const { content } = window.jupyterapp.shell.currentWidget;
const editor = content.widgets[1].editor?.editor;
const begin = performance.now();
Promise.resolve((%s)()).then(() => {
  const done = performance.now();
  requestAnimationFrame(() => setTimeout(() => end([done - begin, performance.now() - begin])));
});
"""
ACTIONS = {
    "typing in the cell": "() => editor.dispatch({changes: {from: editor.state.doc.length, insert: ' '}})",
    "next miss": "() => root.querySelector('[aria-label=\"next miss\"]').click()",
    "only missed": "() => root.querySelector('.tools input').click()",
    "marks off": "() => window.jupyterapp.commands.execute('branchcov:show-in-cells')",
    "marks on": "() => window.jupyterapp.commands.execute('branchcov:show-in-cells')",
}


def _run(lab: Lab, *, measured: bool) -> tuple[float, list[float]]:
    """Seconds until all is run and drawn, and the long tasks of that time."""
    lab.driver.execute_script(OBSERVE)
    begin = time.monotonic()
    lab.run_all()
    if measured:  # views of cells that were not in sight are not drawn
        lab.until("return document.querySelector('.branchcov-widget .handle')", 120)
    took = time.monotonic() - begin
    time.sleep(5)
    return took, lab.driver.execute_script("return longTasks.splice(0)")


def _shown(tasks: list[float]) -> str:
    return f"{len(tasks)} long tasks, {sum(tasks):,.0f} ms in all, longest {max(tasks, default=0):,.0f} ms"


def measure(case: str) -> None:
    """Run a case plain and measured; print both, and what actions take."""
    cells = CASES[case]
    with TemporaryDirectory() as place, server(Path(place)) as address, browser() as driver:
        (Path(place) / "big.py").write_text(BIG)
        options = " --source big" if "big" in cells[0] else ""
        written(Path(place) / "plain.ipynb", ["pass", *cells])
        measured = [f"%%branchcov{options}\n{each}" for each in cells]
        written(Path(place) / "measured.ipynb", ["%load_ext ipy_branchcov", *measured])
        took, tasks = _run(Lab(driver, address, "plain.ipynb"), measured=False)
        print(f"{case}: plain: {took:.1f} s, {_shown(tasks)}")
        lab = Lab(driver, address, "measured.ipynb")
        took, tasks = _run(lab, measured=True)
        elements = driver.execute_script("return document.querySelectorAll('.branchcov-widget *').length")
        print(f"{case}: measured: {took:.1f} s, {_shown(tasks)}; {elements:,} elements of views")
        for name, action in ACTIONS.items():
            print(f"{case}: {name}: {_action(driver, action)}, {_shown(driver.execute_script(TASKS))}")


TASKS = "return longTasks.splice(0)"


def _action(driver: Any, action: str) -> str:
    done, drawn = driver.execute_async_script(TIMED % action)
    time.sleep(1)
    return f"{done:,.0f} ms, drawn after {drawn:,.0f} ms"


if __name__ == "__main__":
    for each in sys.argv[1:] or CASES:
        measure(each)
