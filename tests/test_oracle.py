"""The oracle agrees with what stands on the lines of the targets, and leaves programs as they are."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests import target_programs
from tests.oracle import observe


def observed(text: str, name: str) -> dict[int, str]:
    groups: dict[int, list[str]] = {}
    outcomes = observe(text, name)
    for place in sorted(outcomes, key=lambda place: (place.span[0], place.span[1], [-n for n in place.span[2:]])):
        letters = "".join(outcome[0].upper() if hits else "-" for outcome, hits in outcomes[place].items())
        groups.setdefault(place.span[0], []).append(letters)
    return {line: " ".join(letters) for line, letters in groups.items()}


@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_target(path: Path) -> None:
    """The oracle reports composite tests too; the lines report only what counts."""
    text = path.read_text("utf-8")
    found = observed(text, str(path))
    for line, letters in target_programs.expected(text).items():
        rest = iter(found[line].split())
        assert all(any(letters == each for each in rest) for letters in letters.split()), (line, found[line])


def test_semantics_are_kept() -> None:
    text = """
class V:
    def __init__(self, name, truth): self.name, self.truth = name, truth
    def __bool__(self): print("?", self.name); return self.truth
    def __repr__(self): return self.name
    def __lt__(self, other): print(self, "<", other); return V(f"({self}<{other})", self.truth)
a, b, c = V("a", True), V("b", False), V("c", True)
print(a and b, a or b, b or c or a, b and a and c)
print((b or a) and c, (a and b) or c, not (a and b))
print(a < b < c, a < c < b)
print([x for x in (a, b) if x or c], 1 if b else 2)
if a < c < a: print("chain")
class C:
    y = a and b
    def __m(self): return super().__repr__()[:0] or "s"
    def n(self): return self._C__m()
print(C.y, C().n())
"""
    plain, rewritten = io.StringIO(), io.StringIO()
    with redirect_stdout(plain):
        exec(compile(text, "<plain>", "exec"), {"__name__": "plain"})
    with redirect_stdout(rewritten):
        observe(text)
    assert rewritten.getvalue() == plain.getvalue()
