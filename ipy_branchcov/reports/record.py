"""Coverage -> the record in a notebook: HTML, text and the marks of cells, together never larger than the cell allows.

It needs neither scripts nor a style sheet: where a viewer strips the sheet, missed places are highlighted by the
browser (``<mark>``) and their words stand behind an arrow. Every line has a number, so there are no blank lines, which
would end the HTML in Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from html import escape
from itertools import groupby
from operator import itemgetter

from ipy_branchcov.model import words
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import SourceKey, shortened, split_lines
from ipy_branchcov.printable import visible
from ipy_branchcov.reports import cell_marks, decision_tables, terminal
from ipy_branchcov.reports.by_function import Part, parts
from ipy_branchcov.reports.syntax import Colours, colours, is_to_the_left, isolated
from ipy_branchcov.reports.view import Mark, MarkedSource, mark_all

#: A record has at most so many times the bytes of its cell and so many beside, and never more than the last.
TIMES, BESIDE, MOST = 4, 2048, 65536
#: Characters of a note, and ranges of lines of one function.
_NOTE, _RANGES = 300, 6
#: What stands outside of all functions is called so.
TOP = "top level"

#: A notebook's own colours are not known here. So these are translucent: readable on white and on black.
_STYLE = (
    "<style>.branchcov-record{& pre{margin:.2em 0;padding:0;background:none;white-space:pre-wrap;overflow:visible;"
    "word-break:normal;overflow-wrap:anywhere;font-family:monospace}"
    "& mark{color:inherit;background:#e0a0003d;border-bottom:2px solid #d68c00f2}"
    "& mark.n{background:#d63a3238;border-bottom:2px dashed #d63a32cc}& pre span{border-bottom:1px solid #2ea043bf}"
    "& i,& em{font-style:normal;user-select:none}& i{opacity:.75}& em{font-size:80%}}"
    # Printed, it may go on on the next page: nbconvert begins a page for each output that does not fit.
    "@media print{.jp-OutputArea-child:has(.branchcov-record){break-inside:auto}}</style>"
)
#: What is one text for who reads from right to left.
_WHOLE = {"string", "comment"}
_TAGS = {"missed": "mark", "never-ran": "mark class=n", "covered": "span"}


@dataclass(frozen=True)
class Record:
    """The three parts of an output; ``marks`` has a line for each cell, and may be empty.

    ``without``: the cells for whose marks there was no room.
    """

    html: str
    text: str
    marks: str
    without: frozenset[SourceKey] = frozenset()

    @property
    def name(self) -> str:
        """The class by which the view finds the record: a sanitiser keeps it, and the same run repeats it."""
        return str(re.findall(r"branchcov-record-\w+", self.html)[0])

    @property
    def bundle(self) -> dict[str, str]:
        """The parts by MIME type."""
        marks = {cell_marks.MIME: self.marks} if self.marks else {}
        return {"text/plain": self.text, "text/html": self.html} | marks


def record(
    coverage: Coverage, *, first: str | None = None, missed: bool = False, whole: bool = False, stopped: str = ""
) -> Record:
    """The record of a run. ``first``: the name of the cell that ran; its source is shown, of others lines of words.

    ``missed``: only the lines with something missed. ``stopped``: what stopped the cell. ``whole``: for a coverage that
    no cell of ours shows: the sources themselves as long as there is room. The same run gives the same record: no
    execution counts, paths or times.
    """
    sources = mark_all(coverage, first, static=True)
    own = [each for each in sources if each.coverage.source.name == first]
    limit = MOST if whole else limit_of(own[0].coverage.source.text if own else "")
    made = _Made(coverage, limit, missed=missed)
    if stopped:
        made.add(stopped)
    several = len([each for each in sources if each.places]) > 1
    for each in sources if whole else own:
        made.show(each, named=several and bool(each.places), last=len(sources) == 1)
    made.show_decisions()
    others = [each for each in sources if not any(each is shown for shown in made.shown)]
    made.name_parts(others)
    made.add_marks(others)
    return made.record()


def limit_of(text: str) -> int:
    """The most bytes of the record of a cell with a text.

    >>> limit_of("x"), limit_of("x" * 10**6)
    (2052, 65536)
    """
    return min(TIMES * len(text.encode("utf-8", "surrogatepass")) + BESIDE, MOST)


def _size(*texts: str) -> int:
    """The bytes of texts in a notebook's JSON."""
    return sum(len(json.dumps(each, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2 for each in texts)


class _Made:
    """A record that grows as long as there is room; what is most important comes first."""

    def __init__(self, coverage: Coverage, limit: int, *, missed: bool):
        self._coverage, self._missed = coverage, missed
        self._html = [_STYLE, f"<div><b>branchcov</b> {escape(coverage.summary)}</div>"]
        self._text = [f"branchcov: {coverage.summary}"]
        self._marks: list[str] = []
        self._without: set[SourceKey] = set()
        self.shown: list[MarkedSource] = []
        self._room = limit - _size(_around("", "0" * 16), *self._html, *self._text) - 40

    def record(self) -> Record:
        body = "\n".join(self._html)
        name = sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return Record(_around(body, name), "\n".join(self._text), "\n".join(self._marks), frozenset(self._without))

    def _take(self, html: Sequence[str] = (), text: Sequence[str] = (), marks: Sequence[str] = ()) -> bool:
        """Add lines to the parts, if there is room for all of them."""
        size = _size(*html, *text, *marks) + 2 * (len(html) + len(text) + len(marks))
        if size > self._room:
            return False
        self._room -= size
        self._html += html
        self._text += text
        self._marks += marks
        return True

    # --- the source itself

    def show(self, marked: MarkedSource, *, named: bool, last: bool) -> None:
        """Show a source with its marks: as much of it as there is room for. ``last``: nothing follows it."""
        if named and not self._head(marked):
            return
        self.shown.append(marked)
        self._note(marked)
        if not marked.places:
            return
        self._mark(marked, self._room // 2)
        # What other sources missed is worth a part of the room, where there are some.
        rest = 0 if last else min(self._room // 3, 2 * MOST // 10)
        self._room -= rest
        lines = [number for number in range(1, len(marked.lines) + 1) if not self._missed or marked.touched(number)]
        touched = [number for number in lines if marked.touched(number)]
        short = [f"  {row}" for row in _short_rows(marked)]
        for html, text in self._forms(marked, lines, short):
            if self._take([html], text):
                break
        else:
            self._cut(marked, touched or lines, short)
        self._room += rest

    def _forms(
        self, marked: MarkedSource, lines: Sequence[int], short: Sequence[str]
    ) -> Iterator[tuple[str, Sequence[str]]]:
        """A source as HTML and text, in shorter and shorter forms."""
        counts = self._coverage.counted
        full = _pre(marked, lines, quiet=True, counts=counts)
        if _size(full) <= self._room:
            if counts and not self._missed:
                yield full, terminal.rows(marked, counts=True, every=True)
            yield full, terminal.rows(marked, counts=counts)
            yield full, short
        yield _pre(marked, lines, quiet=False, counts=False), short

    def _cut(self, marked: MarkedSource, lines: Sequence[int], rows: Sequence[str]) -> None:
        """The beginning of what was missed, for there is no room for all of it."""
        room = self._room
        half = _fitting(rows, room // 3)
        text = [*rows[:half], *_more(len(rows) - half, "  ... {} more {}", "line with misses", "lines with misses")]
        drawn = [_line(marked, number, quiet=False, counts=False) for number in lines]
        count = _fitting(drawn, room - _size(*text) - 2 * len(text) - 120)
        more = "".join(_more(len(drawn) - count, "\n<i>… {} more {}</i>", "line", "lines"))
        if not self._take([f"<pre>{chr(10).join(drawn[:count])}{more}</pre>"], text):
            self._take(text=text)

    def show_decisions(self) -> None:
        """The truth tables of what is shown, where they were asked for; without first hits."""
        if not (total := decision_tables.summary(self._coverage)):
            return
        self.add(total)
        for marked in self.shown:
            source = marked.coverage
            lines = list(decision_tables.lines(source, static=True))
            if lines and not self._take([decision_tables.html(source, static=True)], lines):
                for line, sentence in decision_tables.missing_in(source):
                    self.add(f"line {line}: {sentence}")

    def _head(self, marked: MarkedSource) -> bool:
        name, totals = marked.title, marked.coverage.summary
        return self._take([f"<div><b>{escape(name)}</b>: {escape(totals)}</div>"], [f"{name}: {totals}"])

    def _note(self, marked: MarkedSource) -> None:
        for note in marked.notes:
            self.add(f"note: {shortened(note, _NOTE)}")

    def add(self, line: str) -> None:
        """A line for people."""
        self._take([f"<div>{escape(line)}</div>"], [f"  {line}"])

    # --- other sources

    def name_parts(self, sources: Sequence[MarkedSource]) -> None:
        """A line for each source, and for each of its functions with misses, as long as there is room."""
        found = [(marked, parts(marked)) for marked in sources if marked.places or marked.notes]
        left = sum(len(each) for _, each in found)
        ending = 160
        self._room -= ending
        full = False
        for marked, each in found:
            full = full or not self._head(marked)
            if full:
                break
            self._note(marked)
            for part in each:
                if not self._take([_part_html(part)], [f"  {part.name or TOP} {_words(part)}"]):
                    full = True
                    break
                left -= 1
        self._room += ending
        if full and (lines := _more(left, "... {} more {} with misses", "function", "functions")):
            self._take([f"<div>{escape(lines[0])}</div>"], lines)

    def add_marks(self, sources: Sequence[MarkedSource]) -> None:
        """The marks of other cells, as long as there is room."""
        for marked in sources:
            self._mark(marked, self._room)

    def _mark(self, marked: MarkedSource, room: int) -> None:
        for line in cell_marks.lines([marked], counted=self._coverage.counted):
            if _size(line) > room or not self._take(marks=[line]):
                self._without.add(marked.coverage.key)


def _around(body: str, name: str) -> str:
    return f"<div class='branchcov branchcov-record branchcov-record-{name}'>\n{body}\n</div>"


def _fitting(lines: Sequence[str], room: int) -> int:
    """How many lines, from the first on, fit into a number of bytes."""
    for number, each in enumerate(lines):
        room -= _size(each) + 2
        if room < 0:
            return number
    return len(lines)


def _more(count: int, words_: str, one: str, several: str) -> list[str]:
    return [words_.format(f"{count:,}", one if count == 1 else several)] if count else []


# --- lines


def _pre(marked: MarkedSource, lines: Sequence[int], *, quiet: bool, counts: bool) -> str:
    """Lines with their marks. ``quiet``: also where all is covered."""
    return "<pre>" + "\n".join(_line(marked, number, quiet=quiet, counts=counts) for number in lines) + "</pre>"


def _line(marked: MarkedSource, number: int, *, quiet: bool, counts: bool) -> str:
    width = len(str(len(marked.lines)))
    head = f"<i>{number:>{width}} </i>"
    if number in marked.missed:
        text = marked.lines[number - 1]
        first, end = marked.code(number)
        label = next((run.label for run in marked.runs if run.span.line == number), "")
        cuts = (0, first), (first, end), (end, len(text))
        before, code, behind = (_code(marked, number, each, text[each:last]) for each, last in cuts)
        return f"{head}{before}<mark class=n>{code}</mark>{_label(label)}{behind}"
    out, open_ = head, ""
    for piece in marked.segments(number):
        shown = piece.mark
        tag = _TAGS.get(shown.state, "") if shown is not None else ""
        tag = tag if quiet or tag != "span" else ""
        if tag != open_:
            out += _close(open_) + (f"<{tag}>" if tag else "")
            open_ = tag
        out += _code(marked, number, piece.column, piece.text)
        labels = "".join(_label(_words_of(each, counts=counts)) for each in reversed(piece.ends))
        if labels:
            out, open_ = out + _close(open_) + labels, ""
    return out + _close(open_)


def _code(marked: MarkedSource, line: int, column: int, text: str) -> str:
    """A piece of a line; each name, string and comment from right to left keeps its place among the others."""
    if not is_to_the_left(text):
        return escape(text, quote=False)
    cut = _coloured(marked.coverage.source.text).cut(line, column, text)
    pieces = [("".join(part for part, _ in each), kind) for kind, each in groupby(cut, itemgetter(1))]
    return "".join(_isolated(escape(piece, quote=False), kind) for piece, kind in pieces)


def _isolated(shown: str, kind: str) -> str:
    return f"<bdi dir=ltr>{shown}</bdi>" if kind in _WHOLE and is_to_the_left(shown) else isolated(shown)


@lru_cache(maxsize=1)
def _coloured(text: str) -> Colours:
    return colours(split_lines(visible(text)))


def _close(tag: str) -> str:
    return f"</{tag.split(maxsplit=1)[0]}>" if tag else ""


def _words_of(mark: Mark, *, counts: bool) -> str:
    counted = words.counts(mark.branch) if counts and mark.branch is not None and mark.counts else ""
    return ", ".join(filter(None, (mark.label, counted)))


def _label(text: str) -> str:
    # Spaces separate it from the code for readers who hear it.
    return f"<em> ← {escape(text, quote=False)} </em>" if text else ""


def _short_rows(marked: MarkedSource) -> Iterator[str]:
    """What was missed, a line of the source in a row: ``12: never true, never ran``."""
    rows: dict[str, dict[str, None]] = {}
    for each in marked.misses:
        place = words.line_range(each.span.line, each.span.end_line if each.whole else each.span.line)
        rows.setdefault(place, {})[words.NEVER_RAN if each.whole else each.label] = None
    return (f"{place}: {', '.join(labels)}" for place, labels in rows.items())


def _part_html(part: Part) -> str:
    name = f"<code>{escape(part.name)}</code>" if part.name else TOP
    return f"<div>&emsp;{name} {_words(part)}</div>"


def _words(part: Part) -> str:
    """``3 of 14, missed in 182, 190``."""
    shown = [words.line_range(*each) for each in part.lines[:_RANGES]]
    more = f" and {len(part.lines) - _RANGES} more" if len(part.lines) > _RANGES else ""
    where = f"missed in {', '.join(shown)}{more}"
    return f"{part.totals.covered} of {part.totals.outcomes}, {where}" if part.totals.outcomes else where
