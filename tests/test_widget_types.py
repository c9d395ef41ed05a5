"""The types of the view's data are the same on both sides: the TypedDicts of widget.py, the JSDoc of widget.js."""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from ipy_branchcov.reports import widget

VIEWS = {name: each for name, each in vars(widget).items() if is_typeddict(each)}
MODULE = widget._STATIC.joinpath("widget.js").read_text("utf-8")
NAMES = {str: "string", bool: "boolean", int: "number", float: "number", NoneType: "null"}


def javascript(hint: Any) -> str:
    """A Python type as JSDoc writes the type of its JSON."""
    origin, parts = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return str(hint.__name__)
    if origin is Literal:
        return " | ".join(f'"{each}"' for each in parts)
    if origin is UnionType:
        return " | ".join(map(javascript, parts))
    if origin is list:
        return f"{javascript(parts[0])}[]"
    if origin is tuple:
        return f"[{', '.join(map(javascript, parts))}]"
    return NAMES[hint]


def typedefs(module: str) -> dict[str, dict[str, str]]:
    """The types of the properties of each `@typedef {object}`, by its name."""
    found = {}
    for name, properties in re.findall(r"@typedef \{object\} (\w+)\n((?: \* @property .*\n)+)", module):
        pairs = re.findall(r"@property \{(.+)\} (\w+)\n", properties)
        found[name] = {each: kind for kind, each in pairs}
    return found


def test_every_typed_dict_is_a_typedef() -> None:
    assert len(VIEWS) == 7
    assert VIEWS.keys() <= typedefs(MODULE).keys()
    assert {name for name in typedefs(MODULE) if name.endswith(("View", "ViewData"))} == VIEWS.keys()


@pytest.mark.parametrize("name", VIEWS)
def test_fields_and_their_types_are_the_same(name: str) -> None:
    assert typedefs(MODULE)[name] == {field: javascript(hint) for field, hint in get_type_hints(VIEWS[name]).items()}
