"""Which mechanism is right: what each tracer is there for, and what it falls back to."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ipy_branchcov.tracing.tracer import Mechanism

#: Functions of the targets whose code is a copy that no tracer was given: types.coroutine replaces its flags.
COPIED = frozenset({"awaitable"})


def intended(tracer: str, *, counts: bool) -> Mechanism:
    """What a tracer measures code with that was given to it before it ran."""
    if tracer == "settrace":
        return Mechanism.SETTRACE
    if counts:
        return Mechanism.COUNTING
    if tracer == "probes":
        return Mechanism.PROBES
    return Mechanism.SPLIT if sys.version_info < (3, 14) else Mechanism.BRANCH_EVENTS


def unexpected(found: Iterable[tuple[str, Mechanism]], tracer: str, *, counts: bool, late: bool = False) -> list[str]:
    """One line for each code object that the wrong mechanism measured, and one where nothing was measured.

    ``late``: a module that was executed as others compiled it. Its own code has to be measured by the fallback (but by
    tracers that rewrite nothing), and its functions either so or, once they have been swapped, as intended.
    """
    right = intended(tracer, counts=counts)
    rewrites = right not in (Mechanism.SETTRACE, Mechanism.BRANCH_EVENTS)
    lines = [] if found else ["nothing was measured"]
    for name, mechanism in found:
        allowed = {right}
        if right is Mechanism.BRANCH_EVENTS:  # code in which values are observed is rewritten
            allowed = {right, Mechanism.SPLIT, *([Mechanism.LATE] if late or name in COPIED else [])}
        if late and rewrites:
            allowed = {Mechanism.LATE} if name == "<module>" else {Mechanism.LATE, right}
        if name in COPIED and rewrites:
            allowed = {Mechanism.LATE, right}
        if mechanism not in allowed:
            lines.append(f"{name}: measured by {mechanism}, not by {' or '.join(sorted(allowed))}")
    return lines
