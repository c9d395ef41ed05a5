"""Disassemblies -> text, HTML and control-flow graphs: coverage of the bytecode, for those who work on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ipy_branchcov.model.source import split_lines
from ipy_branchcov.model.words import times
from ipy_branchcov.printable import visible
from ipy_branchcov.session.disassembly import Block, Disassembly, Exit, Step

#: Class of a row -> style that a notebook's sanitiser keeps.
_STYLES = {
    "line": "font-weight:bold",
    "missed": "background:rgba(224,160,0,.24);border-bottom:2px solid rgba(214,140,0,.95)",
}
#: Colours of edges in a graph, visible on white and on black.
_MISSED, _COVERED, _PLAIN = "#d68c00", "#2ea043", "#8b949e"


def render(shown: Iterable[Disassembly], *, counted: bool = False) -> str:
    """The text: under each line its instructions, under each conditional one its exits."""
    parts = []
    for each in shown:
        parts += [_heading(each), *(text for _, text in _rows(each, counted))]
    return "\n".join(parts) or "branchcov: no measured code ran"


def render_html(shown: Iterable[Disassembly], *, counted: bool = False) -> str:
    """The same for a notebook, each code object folded; without scripts and styles of its own."""
    parts = []
    for each in shown:
        rows = [
            f'<span style="{_STYLES[kind]}">{escape(text)}</span>' if kind in _STYLES else escape(text)
            for kind, text in _rows(each, counted)
        ]
        text = "\n".join(rows)
        parts.append(
            f"<details{' open' if each.exits else ''}>"
            f'<summary style="cursor:pointer"><b>{escape(_heading(each))}</b></summary>'
            f'<pre style="margin:0;background:transparent;font-family:monospace">{text}</pre></details>'
        )
    return f'<div class="branchcov branchcov-opcodes">{"".join(parts)}</div>'


def graph(shown: Disassembly, *, counted: bool = False) -> str:
    """The control flow in Mermaid's language: covered edges are solid, missed ones dashed. Exceptions are no edges."""
    lines = ['%%{init: {"flowchart": {"wrappingWidth": 500}}}%%', "flowchart TD"]
    colours: dict[str, list[int]] = {_MISSED: [], _COVERED: [], _PLAIN: []}
    number = 0
    names = {step.offset: f"b{block.steps[0].offset}" for block in shown.blocks for step in block.steps}
    for block in shown.blocks:
        lines.append(f'  b{block.steps[0].offset}["{_label(block)}"]')
    for block in shown.blocks:
        for to, exit_edge in block.leads:
            if to not in names:
                continue
            words = "" if exit_edge is None else f'|"{_hits(exit_edge, counted)}"|'
            lines.append(
                f"  b{block.steps[0].offset} {'-.->' if exit_edge and not exit_edge.hits else '-->'}{words} {names[to]}"
            )
            colours[_PLAIN if exit_edge is None else _COVERED if exit_edge.hits else _MISSED].append(number)
            number += 1
    for colour, numbers in colours.items():
        if numbers:
            lines.append(f"  linkStyle {','.join(map(str, numbers))} stroke:{colour},stroke-width:2px")
    return "\n".join(lines)


def render_markdown(shown: Disassembly, *, counted: bool = False) -> str:
    """The graph for Markdown: its heading, and a fence that notebooks and code hosts draw."""
    return f"`{shown.name}`: {_totals(shown)}\n\n```mermaid\n{graph(shown, counted=counted)}\n```\n"


def _heading(shown: Disassembly) -> str:
    return f"{shown.name}: {_totals(shown)}"


def _totals(shown: Disassembly) -> str:
    exits = shown.exits
    covered = sum(bool(each.hits) for each in exits)
    return f"{covered} of {len(exits)} {'edge' if len(exits) == 1 else 'edges'} covered" if exits else "no branches"


def _rows(shown: Disassembly, counted: bool) -> Iterator[tuple[str, str]]:
    """(class, text) of each row."""
    texts = split_lines(visible(shown.source.text))
    gutter = max(2, len(str(len(texts)))) + 1
    margin = f"{'':>{gutter}} | "
    width = len(str(max((step.offset for step in shown.steps), default=0)))
    line = None
    for step in shown.steps:
        if step.line != line:
            line = step.line
            if line is not None and 1 <= line <= len(texts):
                yield "line", f"{line:>{gutter}} | {texts[line - 1]}".rstrip()
        yield "step", f"{margin}  {_step(step, width)}"
        for each in step.exits:
            kind = "covered" if each.hits else "missed"
            yield kind, f"{margin}  {'':>{width}} {_hits(each, counted)} -> {each.to} ({each.meaning})"


def _step(step: Step, width: int = 0) -> str:
    return f"{step.offset:>{width}} {step.name:<24} {step.argument}".rstrip()


def _hits(exit_edge: Exit, counted: bool) -> str:
    return times("jumped" if exit_edge.jumped else "fell through", exit_edge.hits, counted=counted)


def _label(block: Block) -> str:
    """A block's instructions, for Mermaid."""
    lines: Sequence[str] = [" ".join(_step(step).split()) for step in block.steps]
    return "<br/>".join(
        escape(line.replace("`", "'")).replace("&quot;", "#quot;").replace("&#x27;", "#39;") for line in lines
    )
