"""Contexts in the JSON form: their names stand once, at its top, and outcomes have numbers of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ipy_branchcov.data.fields import Listed, Whole, WrongField
from ipy_branchcov.model.branch import natural
from ipy_branchcov.model.coverage import Coverage


def numbers(coverage: Coverage) -> Mapping[str, int]:
    """The contexts of a coverage, with their places in the list of names."""
    names = {name for s in coverage for b in s.branches for o in b.outcomes for name in o.contexts}
    return {name: number for number, name in enumerate(sorted(names, key=lambda name: (natural(name), name)))}


@dataclass(slots=True)
class Names:
    """The kind of the list of names. Numbers that are read afterwards stand for these."""

    kind: Listed
    names: list[str] = field(default_factory=list)

    def read(self, value: Any) -> list[str]:
        self.names = self.kind.read(value)
        if len(set(self.names)) < len(self.names):
            raise WrongField("must have no name twice")
        return self.names

    def schema(self) -> dict[str, Any]:
        return self.kind.schema()


@dataclass(slots=True)
class Numbers:
    """The kind of an outcome's list of numbers."""

    of: Names

    def _kind(self) -> Listed:
        return Listed(Whole(0, self.of.kind.most), self.of.kind.most)

    def read(self, value: Any) -> frozenset[str]:
        found = self._kind().read(value)
        if found and max(found) >= len(self.of.names):
            raise WrongField(f"must be numbers of the {len(self.of.names)} contexts at the top")
        return frozenset(self.of.names[number] for number in found)

    def schema(self) -> dict[str, Any]:
        return self._kind().schema()
