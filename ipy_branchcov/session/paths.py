"""Sources measured in several places -> one name each, as ``paths`` in the configuration says."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.scope import Scope


def in_canonical_places(coverage: Coverage, paths: Sequence[Sequence[str]], scope: Scope) -> Coverage:
    """The same with its sources below the first folder of each group; those that are the same then are summed.

    The other folders of a group are patterns, as coverage.py's: ``*`` stands for a part of a path without a separator,
    at the beginning for any folders.
    """
    if not paths:
        return coverage
    rules = [(_pattern(other), canonical) for canonical, *others in paths for other in (canonical, *others)]
    moved = replace(coverage, sources=tuple(_moved(each, rules, scope) for each in coverage))
    return merge(replace(moved, sources=(each,)) for each in moved) if moved.sources else moved


def _pattern(folder: str) -> re.Pattern[str]:
    text = folder.replace("\\", "/").rstrip("/")
    begin = ""
    if text.startswith("*/"):
        begin, text = "(?:.*/)?", text[2:]
    parts = ("[^/]*".join(map(re.escape, each.split("*"))) for each in text.split("**"))
    return re.compile(f"{begin}{'.*'.join(parts)}/(.+)")


def _moved(coverage: SourceCoverage, rules: list[tuple[re.Pattern[str], str]], scope: Scope) -> SourceCoverage:
    source = coverage.source
    known = [each.replace("\\", "/") for each in (source.path, source.name) if each]
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
