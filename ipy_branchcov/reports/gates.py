"""Coverage -> why a gate fails. No gate passes on what was not measured."""

from __future__ import annotations

from ipy_branchcov.model.coverage import Coverage


def failures(coverage: Coverage, threshold: float | None, *, compared: bool = False) -> list[str]:
    """One line for each reason why the gates fail; none where no gate was asked for.

    ``threshold``: the percentage that must be reached; None: no such gate. ``compared``: there is another gate (a
    baseline), which has its own lines; here are those for what it could not see.
    """
    if threshold is None and not compared:
        return []
    lines = [
        f"{source.source.name}: {_without(note, source.source.name)}; so the gate fails"
        for source in coverage.sources
        for note in source.unmeasured
    ]
    if coverage.lost:
        lines.append(f"{len(coverage.lost)} lost: coverage is incomplete, so the gate fails")
    percent = coverage.totals.percent
    if percent is None:
        lines.append(f"{coverage.summary}: there is nothing that a gate could check, so it fails")
    elif threshold is not None and percent < threshold:
        lines.append(f"branch coverage {coverage.totals} is below {threshold:g}%")
    return lines


def _without(note: str, name: str) -> str:
    return note.removeprefix(f"{name}: ")
