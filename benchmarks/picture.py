"""Draws what ``speed.py`` measured: for each Python and tool the ratios of all workloads and their geometric mean."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, LABELS, NUMBERS, ROW, HEAD = 760, 215, 60, 19, 30
RANGE = (0.9, 24.0)
TICKS = (1, 1.5, 2, 3, 5, 10, 20)
STYLE = """
svg { --text: #1f2328; --soft: #59636e; --line: #d1d9e0; --ours: #1a7f37; --peer: #9a6700; }
@media (prefers-color-scheme: dark) {
svg { --text: #e6edf3; --soft: #9198a1; --line: #3d444d; --ours: #3fb950; --peer: #d29922; } }
text { font: 13px system-ui, sans-serif; fill: var(--text); } .soft { fill: var(--soft); font-size: 12px; }
.head { font-weight: 600; } line { stroke: var(--line); } .one { stroke: var(--soft); }
.ours { fill: var(--ours); } .peer { fill: var(--peer); } circle { opacity: .45; }
"""


def draw(results: Iterable[dict[str, Any]]) -> str:
    """An SVG of the JSON of several runs, one panel a Python; readable on light and on dark ground."""
    parts: list[str] = []
    y = HEAD
    for result in sorted(results, key=lambda each: [int(part) for part in each["python"].split(".")]):
        names = list(next(iter(result["ratios"].values())))
        parts.append(_text(0, y + 4, f"Python {result['python']}", "head"))
        for name in names:
            y += ROW
            parts += _row(y, name, [statistics.median(ratios[name]) for ratios in result["ratios"].values()])
        y += HEAD
    grid = []
    for tick in TICKS:
        kind, x = " class='one'" if tick == 1 else "", f"{_x(tick):.1f}"
        grid.append(f'<line x1="{x}" x2="{x}" y1="{HEAD - 12}" y2="{y - HEAD + 8}"{kind}/>')
        grid.append(_text(_x(tick), HEAD - 17, f"{tick:g}×", "soft", "middle"))
    about = "Time under each tool as a multiple of the time without: dots are workloads, bars their geometric mean."
    height = y - HEAD + 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
        f"<title>{escape(about)}</title><style>{STYLE}</style>{''.join([*grid, *parts])}"
        f"{_text(0, height - 6, about, 'soft')}</svg>\n"
    )


def _row(y: int, name: str, ratios: Sequence[float]) -> list[str]:
    kind = "ours" if name.startswith("branchcov") else "peer"
    mean = statistics.geometric_mean(ratios)
    dots = [f'<circle class="{kind}" cx="{_x(ratio):.1f}" cy="{y}" r="3.5"/>' for ratio in ratios]
    bar = f'<rect class="{kind}" x="{_x(mean) - 1.5:.1f}" y="{y - 7}" width="3" height="14"/>'
    return [_text(12, y + 4, name), *dots, bar, _text(WIDTH, y + 4, f"{mean:.2f}×", "", "end")]


def _x(ratio: float) -> float:
    """The place of a ratio on a logarithmic scale."""
    low, high = map(math.log, RANGE)
    part = (math.log(min(max(ratio, RANGE[0]), RANGE[1])) - low) / (high - low)
    return LABELS + part * (WIDTH - LABELS - NUMBERS)


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def draw_folder(folder: Path, picture: Path) -> None:
    """Draw all JSON files of a folder."""
    picture.write_text(draw(json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))), "utf-8")
