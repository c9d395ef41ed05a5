"""A coverage that prints itself, shows itself in a notebook, and writes its reports: what the Python door returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from ipy_branchcov.data import json_form
from ipy_branchcov.data.files import load as load_data
from ipy_branchcov.model import coverage as model
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports.files import with_texts, write_reports


class Coverage(model.Coverage):
    """What was measured. ``print(coverage)`` gives the text report; a notebook shows it with its marks.

    ``totals``, ``sources``, ``coverage["pkg/a.py"]`` give parts of it; ``a + b`` merges.
    """

    @classmethod
    def of(cls, coverage: model.Coverage) -> Coverage:
        """The same coverage, able to present itself."""
        if isinstance(coverage, cls):
            return coverage
        return cls(**{each.name: getattr(coverage, each.name) for each in fields(coverage)})

    def __add__(self, other: model.Coverage) -> Coverage:
        if not isinstance(other, model.Coverage):
            return NotImplemented
        return Coverage.of(model.merge([self, other]))

    def __getitem__(self, name: str) -> SourceCoverage:
        """The source of that name. Raises KeyError with the names that there are."""
        for each in self.sources:
            if each.source.name == name:
                return each
        raise KeyError(f"{name!r} was not measured; there is {', '.join(self.names) or 'nothing yet'}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sources, in their order."""
        return tuple(each.source.name for each in self.sources)

    def __str__(self) -> str:
        from ipy_branchcov.reports import terminal

        return terminal.render(self, named=True)

    def __repr__(self) -> str:
        sources = "source" if len(self.sources) == 1 else "sources"
        return f"<Coverage of {len(self.sources)} {sources}: {self.summary}>"

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """What IPython, Jupyter, marimo and Colab show: HTML that needs no scripts, and text."""
        from ipy_branchcov.reports.record import record

        made = record(self, whole=True)
        return {"text/plain": made.text, "text/html": made.html}

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])

    def to_json(self, *, values: bool = False) -> str:
        """The JSON form as a text, with the texts of files. ``values``: also those of first hits."""
        return json_form.dumps(self, texts=True, values=values)

    def write(
        self,
        *,
        html: str | Path | None = None,
        json: str | Path | None = None,
        lcov: str | Path | None = None,
        cobertura: str | Path | None = None,
        xml: str | Path | None = None,
        markdown: str | Path | None = None,
        sonar: str | Path | None = None,
        values: bool = False,
    ) -> None:
        """Write reports to the places that are given: ``html`` a folder, or one file that ends with ``.html``.

        ``xml`` is another name of ``cobertura``.

        ``values``: JSON and HTML have the values of first hits, too; they may be secrets.

        Raises DataError where a report cannot be written.
        """
        places = {"html": html, "json": json, "lcov": lcov, "cobertura": cobertura or xml}
        write_reports(self, {**places, "markdown": markdown, "sonar": sonar}, values=values)


def load(path: str | Path) -> Coverage:
    """The coverage in a data file or JSON report, with the texts of files that are still the same. Raises DataError."""
    return Coverage.of(with_texts(load_data(Path(path))))
