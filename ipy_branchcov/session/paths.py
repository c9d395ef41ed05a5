"""Sources measured in several places -> one name each: as ``paths`` in the configuration says, and where installed."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from glob import escape

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.globs import regex
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.scope import Scope

#: Where packages are installed, and what comes behind it.
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/(.+)", re.DOTALL)


def in_canonical_places(coverage: Coverage, paths: Sequence[Sequence[str]], scope: Scope) -> Coverage:
    """The same with its sources below the first folder of each group; those that are the same then are summed.

    The other folders of a group are globs, as those of ``omit``. The same file installed in several environments is one
    without any rule.
    """
    if paths:
        coverage = _in_places(coverage, paths, scope)
    return _in_one_environment(coverage)


def _in_places(coverage: Coverage, paths: Sequence[Sequence[str]], scope: Scope) -> Coverage:
    rules = [(_pattern(other), first) for first, *others in paths for other in (escape(first), *others)]
    return _summed(coverage, [_moved(each, rules, scope) for each in coverage])


def _summed(coverage: Coverage, sources: list[SourceCoverage]) -> Coverage:
    """A coverage with these sources; those that are the same now are one."""
    return merge(replace(coverage, sources=(each,)) for each in sources) if sources else coverage


def _in_one_environment(coverage: Coverage) -> Coverage:
    """The same with each installed file once: one of the same text and the same place below ``site-packages``.

    It has the name of the file that it was installed from, where that is there, too; else the first of its own. A copy
    that a package has of another one is not that file.
    """
    files = {(each.source.digest, _slashes(each.source.name)): each for each in coverage if each.source.kind == "file"}
    installed: dict[tuple[str, str], list[SourceCoverage]] = {}
    for (digest, name), each in files.items():
        if (match := _INSTALLED.fullmatch(name)) is not None:
            installed.setdefault((digest, match[1]), []).append(each)
    new: dict[int, SourceCoverage] = {}
    for (digest, tail), group in installed.items():
        origin = files.get((digest, f"src/{tail}")) or files.get((digest, tail))
        first = origin or min(group, key=lambda each: each.source.name)
        for each in group:
            if each is not first:
                source = replace(each.source, name=first.source.name, path=first.source.path)
                new[id(each)] = replace(each, source=source)
    return _summed(coverage, [new.get(id(each), each) for each in coverage]) if new else coverage


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


@functools.cache
def _pattern(folder: str) -> re.Pattern[str]:
    """Capitals are no matter, as in coverage.py: paths of Windows are among them."""
    return re.compile(f"{regex(_slashes(folder).rstrip('/') + '/')}(.+)", re.DOTALL | re.IGNORECASE)


def _moved(coverage: SourceCoverage, rules: list[tuple[re.Pattern[str], str]], scope: Scope) -> SourceCoverage:
    source = coverage.source
    known = [_slashes(each) for each in (source.path, source.name) if each]
    places = [
        f"{canonical}/{match[1]}"
        for pattern, canonical in rules
        for each in known
        if (match := pattern.fullmatch(each)) is not None
    ]
    if not places:
        return coverage
    there = [place for place in places if os.path.isfile(place.partition("#")[0])]  # noqa: PTH113
    path = (there or places)[0]
    own = path if source.path is not None else None
    return replace(coverage, source=replace(source, name=scope.name(path), path=own))
