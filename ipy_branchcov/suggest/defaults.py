"""Values for parameters that nothing was seen of."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from itertools import islice

from ipy_branchcov.suggest.describe import describe
from ipy_branchcov.suggest.hints import arrays, values_of
from ipy_branchcov.suggest.target import Target
from ipy_branchcov.suggest.values import OMITTED, Items, Made, Named, Value, parts, replaced

#: The names of what reads a file.
_READING = frozenset({"read", "readline", "readlines"})


def defaults(target: Target) -> list[list[Value]]:
    """Values for each parameter that nothing was seen of: by its type, or some of every kind."""
    plain: list[Value] = [
        0,
        1,
        "a",
        "",
        None,
        Items("list", ()),
        Items("list", (1, 2)),
        Items("dict", ()),
        1.5,
        True,
        -1,
        Named("lambda *given: given[0]"),
        *_files(target),
        *_arrays(target),
        *(values_of(target.parameters[0].hint, target.names)[:4] if target.method else ()),
    ]
    columns: list[list[Value]] = []
    for each in target.parameters:
        if each.kind is each.kind.VAR_POSITIONAL:
            inner = values_of(each.hint, target.names) if each.hint is not None else []
            columns.append([Items("tuple", ()), *(Items("tuple", (value,)) for value in inner[:6])])
        elif each.kind is each.kind.VAR_KEYWORD:
            columns.append([Items("dict", ())])
        else:
            found = values_of(each.hint, target.names) if each.hint is not None else []
            given = [] if each.required else [OMITTED, *_like(describe(each.default, target.names))]
            columns.append([*given, *(found or plain)])
    return columns


def _files(target: Target) -> Iterator[Value]:
    """Open files, for a function that reads."""
    if not _READING.isdisjoint(target.function.__code__.co_names):
        for kind, content in ((io.StringIO, "a\nb\n"), (io.BytesIO, b"a\nb\n")):
            if (callee := target.names.of(kind)) is not None:
                yield Made(callee, (content,))


def _arrays(target: Target) -> Iterator[Value]:
    """Some arrays, for a function whose module has numpy."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and any(each is numpy for each in list(target.names.namespace.values())):
        yield from islice(arrays(target.names), 5)


def _like(default: Value) -> Iterator[Value]:
    """A sequence that is a parameter's default with one part changed: it may be all that is known of its form."""
    if isinstance(default, Items) and default.kind in ("tuple", "list"):
        for path, part in islice(parts(default), 1, 12):
            if isinstance(part, int):
                changed: list[Value] = [not part] if isinstance(part, bool) else [part + 1, part - 1]
                yield from (replaced(default, path, new) for new in changed)
