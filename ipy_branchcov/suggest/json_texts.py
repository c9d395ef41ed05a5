"""Texts that hold JSON, as values whose parts can be changed, and back."""

from __future__ import annotations

import json

from ipy_branchcov.suggest.describe import Names, describe
from ipy_branchcov.suggest.values import Items, Value, build

_LONGEST = 2000


def parsed(text: str) -> Items | None:
    """The object or array that a text holds; None where it holds neither."""
    if not text.lstrip().startswith(("{", "[")) or len(text) > _LONGEST:
        return None
    try:
        value = describe(json.loads(text), Names({}))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Items) else None


def written(value: Value) -> str | None:
    """A value as JSON; None where that has no form for it."""
    try:
        return json.dumps(build(value, {}))
    except Exception:  # a name that is not known here, a key that is none
        return None
