"""Coverage -> why a gate fails. No gate passes on what was not measured."""

from __future__ import annotations

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decisions import FORM


def asked_for(coverage: Coverage, *, follow: bool) -> Coverage:
    """The same with decisions where they were asked for, else without."""
    return coverage.with_decisions() if follow else coverage.without_decisions()


def failures(
    coverage: Coverage, threshold: float | None, *, compared: bool = False, mcdc: float | None = None
) -> list[str]:
    """One line for each reason why the gates fail; none where no gate was asked for.

    ``threshold``: the percentage that must be reached; None: no such gate. ``compared``: there is another gate (a
    baseline), which has its own lines; here are those for what it could not see. ``mcdc``: the percentage of
    conditions that must be shown.
    """
    if threshold is None and not compared and mcdc is None:
        return []
    lines = [
        f"{source.source.name}: {_without(note, source.source.name)}; so the gate fails"
        for source in coverage.sources
        for note in source.unmeasured
    ]
    if coverage.lost:
        lines.append(f"{len(coverage.lost)} lost: coverage is incomplete, so the gate fails")
    if mcdc is not None:
        lines += _not_shown(coverage, mcdc)
    percent = coverage.totals.percent
    if threshold is None and not compared:
        return lines
    if percent is None:
        lines.append(f"{coverage.summary}: there is nothing that a gate could check, so it fails")
    elif threshold is not None and percent < threshold:
        lines.append(f"branch coverage {coverage.totals} is below {threshold:g}%")
    return lines


def _not_shown(coverage: Coverage, threshold: float) -> list[str]:
    """Why the gate of MC/DC fails."""
    proofs = coverage.mcdc
    if proofs is None or proofs.percent is None:
        why = "MC/DC was not measured" if proofs is None else str(proofs)
        return [f"{why}: there is nothing that a gate could check, so it fails"]
    return [f"{proofs} is below {threshold:g}% ({FORM})"] if proofs.percent < threshold else []


def _without(note: str, name: str) -> str:
    return note.removeprefix(f"{name}: ")
