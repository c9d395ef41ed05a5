"""Coverage -> the report files that a user asks for, each whole or not at all; and the texts that they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ipy_branchcov.model import schema
from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.sources import read_source
from ipy_branchcov.storage import write_whole


def write_reports(
    coverage: Coverage,
    *,
    html_to: str | Path | None = None,
    json_to: str | Path | None = None,
    lcov_to: str | Path | None = None,
    cobertura_to: str | Path | None = None,
) -> bool:
    """Write the reports whose place is given; tell whether there was one. Raises DataError.

    HTML goes into a folder, or into one file where the name ends with ``.html``.
    """
    texts: dict[Path, str] = {}
    if html_to:
        from ipy_branchcov.reports import html

        place = Path(html_to)
        if place.suffix in (".html", ".htm"):
            texts[place] = html.document(coverage, "Branch coverage")
        else:
            texts.update({place / name: text for name, text in html.page(coverage, "Branch coverage").items()})
    if json_to:
        texts[Path(json_to)] = schema.dumps(coverage)
    if lcov_to:
        from ipy_branchcov.reports import lcov

        texts[Path(lcov_to)] = lcov.render(coverage)
    if cobertura_to:
        from ipy_branchcov.reports import cobertura

        texts[Path(cobertura_to)] = cobertura.render(coverage)
    for path, text in texts.items():
        write_whole(path, text)
    return bool(texts)


def with_texts(coverage: Coverage) -> Coverage:
    """The same with the texts of files, which data files leave where they are."""
    return replace(coverage, sources=tuple(map(_with_text, coverage.sources)))


def _with_text(coverage: SourceCoverage) -> SourceCoverage:
    """A file's text as it stands now, where it is still what was measured."""
    source = coverage.source
    if source.text or source.kind == "cell" or source.path is None:
        return coverage
    current = read_source(source.path)
    if current is None:
        return replace(coverage, note=f"{source.name}: cannot be read any more; its lines cannot be shown")
    if current.digest != source.digest:
        return replace(coverage, note=f"{source.name}: changed since it was measured; run it again to see its lines")
    return replace(coverage, source=replace(current, name=source.name))
