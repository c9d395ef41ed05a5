"""Which mechanism is right: what each tracer is there for, and what it falls back to."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ipy_branchcov.tracing.tracer import Mechanism

#: Functions of the targets whose code is a copy that no tracer was given: types.coroutine replaces its flags.
COPIED = frozenset({"awaitable"})


def intended(tracer: str, *, counts: bool, follows: bool = False) -> Mechanism:
    """What a tracer measures code with that was given to it before it ran. ``follows``: decisions, too."""
    if tracer == "settrace":
        return Mechanism.SETTRACE
    if counts:
        return Mechanism.COUNTING.following(follows)
    if tracer == "probes":
        return Mechanism.PROBES.following(follows)
    return Mechanism.SPLIT.following(follows) if sys.version_info < (3, 14) else Mechanism.BRANCH_EVENTS


def unexpected(
    found: Iterable[tuple[str, Mechanism]], tracer: str, *, counts: bool, late: bool = False, follows: bool = False
) -> list[str]:
    """One line for each code object that the wrong mechanism measured, and one where nothing was measured.

    ``late``: a module that was executed as others compiled it. Its own code has to be measured by the fallback (but by
    tracers that rewrite nothing), and its functions either so or, once they have been swapped, as intended.
    """
    right = intended(tracer, counts=counts, follows=follows)
    rewrites = right not in (Mechanism.SETTRACE, Mechanism.BRANCH_EVENTS)
    lines = [] if found else ["nothing was measured"]
    for name, mechanism in found:
        allowed = {right}
        if right is Mechanism.BRANCH_EVENTS:  # code in which values are observed or decisions followed is rewritten
            allowed = {right, Mechanism.SPLIT.following(follows), *([Mechanism.LATE] if late or name in COPIED else [])}
        if late and rewrites:
            allowed = {Mechanism.LATE} if name == "<module>" else {Mechanism.LATE, right}
        if name in COPIED and rewrites:
            allowed = {Mechanism.LATE, right}
        if follows:  # of a decision with too many histories no copies are made
            allowed.add(Mechanism.UNINSTRUMENTED)
        if mechanism not in allowed:
            lines.append(f"{name}: measured by {mechanism}, not by {' or '.join(sorted(allowed))}")
    return lines
