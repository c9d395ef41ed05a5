"""A source -> the HTML of its lines: code with marks and their words, and for each line the details of its branches.

Only classes, no styles in the elements, so that the pages also look right where a server forbids inline styles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import Branch, Outcome, natural
from ipy_branchcov.model.selection import scopes
from ipy_branchcov.printable import printable
from ipy_branchcov.reports.pages.contents import Part
from ipy_branchcov.reports.syntax import Colours, colours, isolated
from ipy_branchcov.reports.view import Mark, MarkedSource, Segment

#: Returns the HTML for the name of a cell or test: a link where it stands in the report.
Link = Callable[[str], str]
#: Short, for a page has thousands of them.
_TOKENS = {
    "keyword": "k",
    "comment": "c",
    "string": "s",
    "number": "n",
    "builtin": "b",
    "def": "d",
    "meta": "d",
}
#: So many tests and cells that covered an outcome are named.
_CONTEXTS = 5
#: What lines can be filtered by: the class of such a line, and of the definitions above it.
FILTERS = {"missed": "with misses", "never": "never ran", "other": "optional or excluded", "changed": "changed"}


def kinds(part: Part, number: int) -> set[str]:
    """Which of :data:`FILTERS` show a line."""
    marks = part.marked.on(number)
    found = set()
    if part.marked.touched(number):
        found.add("missed")
    if number in part.marked.missed or any(each.state == "never-ran" for each in marks):
        found.add("never")
    if any(each.state in ("optional", "excluded") and not each.composite for each in marks):
        found.add("other")
    if number in part.changed:
        found.add("changed")
    return found


class Listing:
    """Draws one source. ``values``: with those of first hits; ``counted``: hits are exact."""

    def __init__(self, part: Part, link: Link, *, values: bool, counted: bool):
        self._part = part
        self._marked: MarkedSource = part.marked
        self._link = link
        self._values = values
        self._counted = counted
        self._colours: Colours = colours(self._marked.lines)
        self._branches: dict[int, list[Branch]] = {}
        for branch in self._marked.coverage.branches:
            if not branch.composite and branch.span.line not in self._marked.missed:
                self._branches.setdefault(branch.span.line, []).append(branch)
        #: What is said once of lines below each other that never ran, by the first of them.
        self._runs = {each.span.line: each.label for each in self._marked.runs}
        self._kinds = {number: kinds(part, number) for number in part.lines}
        self._above = self._definitions_above()

    def render(self) -> str:
        """All lines."""
        lines = map(self._line, self._part.lines)
        return f'<div class="code">\n{"".join(lines)}</div>'

    def _definitions_above(self) -> dict[int, set[str]]:
        """For each line with ``def`` or ``class`` the filters that show a line below and further in."""
        found: dict[int, set[str]] = {}
        for first, last in scopes(self._marked.coverage.source):
            below = (self._kinds.get(number, set()) for number in range(first + 1, last + 1))
            found[first] = set().union(*below)
        return found

    def _line(self, number: int) -> str:
        mine = self._kinds[number]
        names = sorted(mine | {f"above-{each}" for each in self._above.get(number, ()) if each not in mine})
        if number in self._marked.missed:
            names.append("whole")
        code = "".join(self._segment(piece, number) for piece in self._marked.segments(number))
        if number in self._runs:
            code += _label("never-ran", self._runs[number])
        anchor = f"{self._part.prefix}L{number}"
        return (
            f'<div class="{" ".join(["line", *names])}" id="{anchor}">'
            f'<a class="at" href="#{anchor}" tabindex="-1">{number}</a>'
            f"<code>{code}\n</code>{self._details(number)}</div>\n"
        )

    def _segment(self, piece: Segment, line: int) -> str:
        text = "".join(
            f'<i class="{kind}">{_isolated(part, kind)}</i>' if kind else _isolated(part, kind)
            for part, kind in self._tokens(line, piece)
        )
        shown = piece.mark
        if shown is None or line in self._marked.missed:
            return text
        out = text if shown.composite and shown.state == "optional" else f'<span class="{shown.state}">{text}</span>'
        # The words stand once, where the place ends.
        for each in reversed(piece.ends):
            if each.label:
                out += _label(each.state, self._words(each))
            elif self._counted and each.state == "covered" and each.branch is not None:
                out += f'<em class="hits">{_hits(each.branch)}</em>'
        return out

    def _tokens(self, line: int, piece: Segment) -> Iterator[tuple[str, str]]:
        """The pieces of a text with their colours, neighbours of one colour as one."""
        before, kind = "", ""
        for part, name in self._colours.cut(line, piece.column, piece.text):
            this = _TOKENS.get(name, "")
            if before and this != kind:
                yield before, kind
                before = ""
            before, kind = before + part, this
        if before:
            yield before, kind

    def _words(self, mark: Mark) -> str:
        if self._counted and mark.branch is not None and mark.state == "missed":
            return f"{mark.label} · {_hits(mark.branch)}"
        return mark.label

    def _details(self, number: int) -> str:
        branches = self._branches.get(number, ())
        if not branches:
            return ""
        outcomes = sum(each.totals.outcomes for each in branches)
        covered = sum(each.totals.covered for each in branches)
        items = "".join(f"<li>{self._branch(each)}</li>" for each in branches)
        short = f"{covered} of {outcomes}" if outcomes else "–"
        return f"<details><summary>{short}</summary><ul>{items}</ul></details>"

    def _branch(self, branch: Branch) -> str:
        text = printable(self._marked.coverage.source.snippet(branch.span, 80))
        kind = re.sub("`(.*?)`", r"<code>\1</code>", escape(words.KINDS[branch.kind]))
        outcomes = "; ".join(map(self._outcome, branch.outcomes))
        return f"<code>{escape(text)}</code> {kind}: {outcomes}"

    def _outcome(self, outcome: Outcome) -> str:
        sign = {"covered": "✓", "missed": "✗"}.get(words.state(outcome), "–")
        said = [f"<b>{outcome.name}</b> {sign} {words.fate(outcome, counted=self._counted)}"]
        first = outcome.first
        if outcome.covered and first is not None and first.by:
            said.append(f"first by {self._link(first.by)}")
            if self._values and first.values:
                known = ", ".join(f"{name}={value}" for name, value in first.values.items())
                said[-1] += f" with <code>{escape(printable(known))}</code>"
        names = sorted(outcome.contexts - {first.by if first is not None else ""}, key=natural)
        if names:
            more = f" and {len(names) - _CONTEXTS} more" if len(names) > _CONTEXTS else ""
            also = "also by" if first is not None and first.by else "by"
            said.append(f"{also} {', '.join(map(self._link, names[:_CONTEXTS]))}{more}")
        if outcome.excluded or not outcome.required:
            said.append(escape(printable(words.duty(outcome))))
        return ", ".join(said)


def _isolated(text: str, kind: str) -> str:
    """The HTML of a piece of code in which signs between names have the order that they have in the text."""
    shown = escape(text)
    # Words of a string or comment are one text, which the style sheet keeps apart.
    return shown if kind in ("s", "c") else isolated(shown)


def _label(state: str, text: str) -> str:
    # The spaces separate it from the code for those who hear it, and where styles are missing.
    return f'<em class="label {state}"> {escape(text)} </em>'


def _hits(branch: Branch) -> str:
    return " / ".join(f"{outcome.hits}×" if outcome.hits else "0" for outcome in branch.outcomes)
