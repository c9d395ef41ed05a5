"""What the view and the marks in cells cost a page: long tasks and times in a live JupyterLab, beside the plain cells.

    python benchmarks/drawing.py [CASE ...]

By the browser's own measure: processor time of the page's thread while the cells run and are drawn, and of single
actions until they are drawn; and tasks of 50 ms and more, in which the page answers to nothing (by the clock: on a
busy machine they are longer). Plain: the same cells without measurement. It needs ``--group browser``.
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
if (!window.longTasks) {
  window.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((each) => each.duration)))
    .observe({type: 'longtask'});
}
longTasks.length = 0;
"""
#: Does an action, and waits until the page has been drawn again.
DONE = """
const end = arguments[arguments.length - 1];
const root = document.querySelector('.branchcov-widget');
const { content } = window.jupyterapp.shell.currentWidget;
const editor = content.widgets[1].editor?.editor;
Promise.resolve((%s)()).then(() => requestAnimationFrame(() => setTimeout(end)));
"""
ACTIONS = {
    "typing in the cell": "() => editor.dispatch({changes: {from: editor.state.doc.length, insert: ' '}})",
    "next miss": "() => root.querySelector('[aria-label=\"next miss\"]').click()",
    "only missed": "() => root.querySelector('.tools input').click()",
    "marks off": "() => window.jupyterapp.commands.execute('branchcov:show-in-cells')",
    "marks on": "() => window.jupyterapp.commands.execute('branchcov:show-in-cells')",
}


class Used:
    """Milliseconds of the processor that the page's thread uses from now on, by what for; and its long tasks."""

    def __init__(self, driver: Any):
        self._driver = driver
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        driver.execute_script(OBSERVE)
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        metrics = self._driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return {each["name"]: each["value"] for each in metrics}

    def __str__(self) -> str:
        now = self._now()
        spent = {name: 1000 * (now[f"{name}Duration"] - self._before[f"{name}Duration"]) for name in WHAT}
        tasks = self._driver.execute_script("return longTasks.splice(0)")
        return (
            f"{spent['Task']:,.0f} ms (scripts {spent['Script']:,.0f}, styles {spent['RecalcStyle']:,.0f}, "
            f"layout {spent['Layout']:,.0f}); {len(tasks)} long tasks, "
            f"the longest {max(tasks, default=0):,.0f} ms by the clock"
        )


WHAT = ("Task", "Script", "RecalcStyle", "Layout")


def _run(lab: Lab, *, measured: bool) -> str:
    """Run all cells; what it took until all was drawn."""
    used = Used(lab.driver)
    lab.run_all()
    if measured:  # views of cells that were not in sight are not drawn
        lab.until("return document.querySelector('.branchcov-widget')", 120)
        # A large source comes folded: what it costs is the opening of its fold.
        lab.driver.execute_script(
            "for (const each of document.querySelectorAll('.branchcov-widget > details')) each.open = true"
        )
        lab.until("return document.querySelector('.branchcov-widget .handle')", 120)
    time.sleep(5)
    return str(used)


def measure(case: str) -> None:
    """Run a case plain and measured; print both, and what actions take."""
    cells = CASES[case]
    with TemporaryDirectory() as place, server(Path(place)) as address, browser() as driver:
        (Path(place) / "big.py").write_text(BIG)
        options = " --source big" if "big" in cells[0] else ""
        written(Path(place) / "plain.ipynb", ["pass", *cells])
        measured = [f"%%branchcov{options}\n{each}" for each in cells]
        written(Path(place) / "measured.ipynb", ["%load_ext ipy_branchcov", *measured])
        print(f"{case}: plain: {_run(Lab(driver, address, 'plain.ipynb'), measured=False)}")
        print(f"{case}: measured: {_run(Lab(driver, address, 'measured.ipynb'), measured=True)}")
        elements = driver.execute_script("return document.querySelectorAll('.branchcov-widget *').length")
        print(f"{case}: {elements:,} elements of views")
        for name, action in ACTIONS.items():
            used = Used(driver)
            driver.set_script_timeout(60)
            driver.execute_async_script(DONE % action)
            time.sleep(1)
            print(f"{case}: {name}: {used}")


if __name__ == "__main__":
    for each in sys.argv[1:] or CASES:
        measure(each)
