"""What there is to take in a source: branches and their arms. Static facts, defined on the source alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ipy_branchcov.model.source import Source, Span

#: The arms of each kind of branch, in order.
ARMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("if", "while", "ifexp", "assert", "comp-if", "guard"), ("true", "false")),
    **dict.fromkeys(("and", "or", "compare"), ("true", "false")),
    **dict.fromkeys(("for", "async-for", "comp-for", "async-comp-for"), ("body", "exhausted")),
    **dict.fromkeys(("except", "except*", "pattern"), ("match", "nomatch")),
    **dict.fromkeys(("with", "async-with"), ("suppressed", "propagated")),
}

#: Kinds whose branch is one Boolean operand.
CONDITIONS = frozenset({"and", "or", "compare"})


@dataclass(frozen=True, slots=True)
class Arm:
    """One labelled way out of a branch.

    ``reason`` says why an arm is optional; it is empty for required ones. An excluded arm (pragma) is
    neither required nor counted.
    """

    name: str
    required: bool = True
    excluded: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A place in a source with two or more arms.

    ``decision`` is the span of the whole test that a condition belongs to (its own span elsewhere);
    ``function`` the qualified name of the innermost function or class, "" at top level.
    """

    kind: str
    span: Span
    arms: tuple[Arm, ...]
    function: str = ""
    decision: Span | None = None

    @property
    def key(self) -> tuple[Span, str]:
        """What identifies a branch within its source."""
        return (self.span, self.kind)


@dataclass(frozen=True, slots=True)
class BranchMap:
    """The branches of a source in source order, and its lines that hold code."""

    source: Source
    branches: tuple[Branch, ...]
    code_lines: frozenset[int]
