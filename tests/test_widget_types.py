"""Types of data are the same on both sides: TypedDicts of two modules, and the JSDoc of widget.js and lab.js."""

from __future__ import annotations

import re
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from ipy_branchcov.reports import cell_marks, view_data, widget

#: Modules that make data, and the text of those that draw them.
SIDES = [
    (side, widget._STATIC.joinpath(name).read_text("utf-8"))
    for side, name in ((view_data, "widget.js"), (cell_marks, "lab.js"))
]
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


def dicts(side: ModuleType) -> dict[str, Any]:
    """The TypedDicts of a module, by their names."""
    return {name: each for name, each in vars(side).items() if is_typeddict(each)}


def typedefs(module: str) -> dict[str, dict[str, str]]:
    """The types of the properties of each `@typedef {object}`, by its name."""
    found = {}
    for name, properties in re.findall(r"@typedef \{object\} (\w+)\n((?: +\* @property .*\n)+)", module):
        pairs = re.findall(r"@property \{(.+)\} (\w+)\n", properties)
        found[name] = {each: kind for kind, each in pairs}
    return found


@pytest.mark.parametrize(("side", "module"), SIDES, ids=["widget", "lab"])
def test_every_typed_dict_is_a_typedef(side: ModuleType, module: str) -> None:
    assert len(dicts(side)) == {view_data: 12, cell_marks: 2}[side]
    assert dicts(side).keys() <= typedefs(module).keys()
    assert {name for name in typedefs(module) if name.endswith(("View", "ViewData", "Form"))} <= dicts(side).keys()


@pytest.mark.parametrize(
    ("side", "module", "name"), [pytest.param(*each, name, id=name) for each in SIDES for name in dicts(each[0])]
)
def test_fields_and_their_types_are_the_same(side: ModuleType, module: str, name: str) -> None:
    fields = get_type_hints(dicts(side)[name]).items()
    assert typedefs(module)[name] == {field: javascript(hint) for field, hint in fields}
