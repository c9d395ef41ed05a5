"""Coverage -> the report files that a user asks for, each whole or not at all; and the texts of the sources in them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ipy_branchcov.data.files import append, write_whole
from ipy_branchcov.data.source_files import read_source
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.printable import printable
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.by_line import UNPLACED, place_cells
from ipy_branchcov.reports.page_options import PageOptions, time_of_report
from ipy_branchcov.reports.patch import ChangedLines


class Written(NamedTuple):
    """``annotations``: what is to be printed for GitHub, lines. ``notes``: lines for people about what was written."""

    annotations: str = ""
    notes: tuple[str, ...] = ()


def write_reports(
    coverage: Coverage,
    places: Mapping[str, str | Path | None],
    *,
    values: bool = False,
    github: bool = False,
    changed: ChangedLines | None = None,
    root: str | Path = "",
    run: Collection[Path] = (),
) -> Written:
    """Write the reports whose place is given. Raises DataError.

    ``places``, by kind: html, json, lcov, cobertura, markdown, sonar. HTML goes into a folder, or into one file where
    the name ends with ``.html``. ``values``: those of first hits, too, in JSON and HTML. ``github``: return
    annotations, those of ``changed`` lines first; HTML marks these lines.
    ``root``: where the names of sources start. ``run``: notebooks that this process has run, by absolute path.
    """
    by_line = {kind for kind, place in places.items() if place} & _BY_LINE or github
    cells = place_cells(coverage, Path(root)) if by_line or changed else UNPLACED
    drawn = PageOptions(Path(root), values, changed or {}, cells, run=frozenset(run))
    texts: dict[Path, str] = {}
    former: list[Path] = []
    for kind, place in places.items():
        if place:
            files = _rendered(coverage, kind, Path(place), drawn)
            former += _former_pages(Path(place)) if kind == "html" else []
            _write_all(files)
            texts |= files
    _remove(former, texts)
    if github:
        from ipy_branchcov.reports import github as annotations

        return Written(annotations.render(coverage, cells, changed), cells.notes)
    return Written(notes=cells.notes if by_line else ())


def _write_all(texts: Mapping[Path, str]) -> None:
    """Write the files of a report; where that fails, remove what was not there before. Raises DataError."""
    new = [path for path in texts if not os.path.lexists(path)]
    folders = {path.parent for path in new if not os.path.exists(path.parent)}  # noqa: PTH110 of any name
    try:
        for path, text in texts.items():
            (append if _is_step_summary(path) else write_whole)(path, text)
    except BaseException:
        for path in new:
            with suppress(OSError, ValueError):  # the error that matters is the first one
                path.unlink()
        for folder in folders:
            with suppress(OSError, ValueError):
                folder.rmdir()
        raise


#: Formats whose readers know files and lines, and no cells.
_BY_LINE = frozenset({"lcov", "cobertura", "sonar"})


def _former_pages(folder: Path) -> list[Path]:
    """The pages of an earlier report in a folder: its index names them, and they begin as our pages do."""
    from ipy_branchcov.reports import pages

    names = pages.former_pages(_beginning(folder / pages.INDEX, None))
    return [path for path in map(folder.joinpath, names) if pages.is_page(_beginning(path, 1000))]


def _beginning(path: Path, length: int | None) -> str:
    """The first characters of a file (None: all); "" where it is none of its own, or cannot be read as text."""
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open(encoding="utf-8") as file:
            return file.read(length)
    except (OSError, ValueError):
        return ""


def _remove(former: Iterable[Path], written: Iterable[Path]) -> None:
    """Remove the pages that were not written again, under whichever spelling of their names."""
    kept = {(stat.st_dev, stat.st_ino) for stat in map(os.stat, written)} if former else set()
    for path in former:
        with suppress(OSError):  # a page that must stay does no harm
            stat = path.stat()
            if (stat.st_dev, stat.st_ino) not in kept:
                path.unlink()


def _rendered(coverage: Coverage, kind: str, place: Path, drawn: PageOptions) -> dict[Path, str]:
    cells = drawn.cells
    match kind:
        case "html":
            from ipy_branchcov.reports import pages

            if place.suffix in (".html", ".htm"):
                return {place: pages.document(coverage, "Branch coverage", drawn)}
            return {place / name: text for name, text in pages.render(coverage, "Branch coverage", drawn).items()}
        case "json":
            from ipy_branchcov.data import json_form  # not imported where no JSON is written

            return {place: json_form.dumps(coverage, values=drawn.values)}
        case "lcov":
            from ipy_branchcov.reports import lcov

            return {place: lcov.render(coverage, cells)}
        case "cobertura":
            from ipy_branchcov.reports import cobertura

            now = int(1000 * time_of_report().timestamp())
            return {place: cobertura.render(coverage, cells, timestamp=now)}
        case "sonar":
            from ipy_branchcov.reports import sonar

            return {place: sonar.render(coverage, cells)}
        case "markdown":
            from ipy_branchcov.reports import markdown

            if not _is_step_summary(place):
                return {place: markdown.render(coverage)}
            before = place.stat().st_size if place.exists() else 0
            text = markdown.render(coverage, markdown.LARGEST - before - 1)
            return {place: f"\n{text}" if before else text}
    raise ValueError(kind)


def _is_step_summary(place: Path) -> bool:
    """Whether a file is the summary of a step of GitHub Actions: all that the step runs adds its part to it."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return bool(summary) and os.path.realpath(place) == os.path.realpath(summary or "")


def closing(coverage: Coverage, places: Iterable[Path | None]) -> str:
    """The line at the end of a run: the total, and where what was written lies."""
    found = ", ".join(str(place) for place in places if place)
    total = f"; {decision_tables.summary(coverage)}" if coverage.mcdc is not None else ""
    return f"branchcov: {coverage.summary}{total}" + (f"; written to {printable(found)}" if found else "")


def with_texts(coverage: Coverage) -> Coverage:
    """The same with the texts of files, which data files leave out."""
    return replace(coverage, sources=tuple(map(_with_text, coverage.sources)))


def _with_text(coverage: SourceCoverage) -> SourceCoverage:
    """A file's text as it stands now, if that is the text that was measured; else with a note.

    A source of which nothing was measured has a note already that says why, and no text to compare with.
    """
    source = coverage.source
    unmeasured = coverage.note and not coverage.branches and not coverage.missed_lines
    if source.text or source.kind == "cell" or source.path is None or unmeasured:
        return coverage
    current = read_source(source.path, source.name)
    if current is None:
        why = "cannot be read any more; its lines cannot be shown"
    elif current.digest != source.digest:
        why = "changed since it was measured; run it again to see its lines"
    elif coverage.last_line > len(current.lines):
        why = "has fewer lines than its data says; run it again to see its lines"
    else:
        return replace(coverage, source=current)
    return replace(coverage, note="\n".join([*coverage.notes, f"{source.name}: {why}"]))
