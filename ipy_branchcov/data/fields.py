"""Kinds of fields in a JSON form: each reads a value from an untrusted file, and has its words in JSON's own schema.

A value of another type, size or range raises :class:`WrongField`, which knows the way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ipy_branchcov.model.source import shortened
from ipy_branchcov.printable import is_printable


class WrongField(ValueError):
    """``reason``: what the value must be. ``way``: the names and numbers that lead to it, from the inside out."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason
        self.way: list[str | int] = []

    @property
    def name(self) -> str:
        """``sources[3].branches[0].span``."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in reversed(self.way))
        return "".join(parts).removeprefix(".")


class Field(Protocol):
    """A kind of field."""

    def read(self, value: Any) -> Any:
        """The value, checked. Raises WrongField."""

    def schema(self) -> dict[str, Any]:
        """The kind in the words of JSON's schema."""


def shown(value: object) -> str:
    """A wrong value in a message."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, bool | None):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    return shortened(ascii(value), 40)


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most ``longest`` characters, in one line and without control characters.

    ``lines``: several lines. ``raw``: any characters but NUL, as in paths and sources.
    """

    longest: int
    lines: bool = False
    raw: bool = False

    def read(self, value: Any) -> str:
        if type(value) is not str:
            raise WrongField(f"must be a text, not {shown(value)}")
        if len(value) > self.longest:
            raise WrongField(f"must have at most {self.longest} characters, not {len(value)}")
        if self.raw and "\0" in value:
            raise WrongField("must have no NUL character")
        if not self.raw and not is_printable(value.replace("\n", "") if self.lines else value):
            raise WrongField(f"must have no control characters: {shown(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range, both ends included."""

    least: int
    most: int

    def read(self, value: Any) -> int:
        if type(value) is not int or not self.least <= value <= self.most:
            raise WrongField(f"must be a whole number from {self.least} to {self.most}, not {shown(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Percent:
    """A number from 0 to 100."""

    def read(self, value: Any) -> float:
        if type(value) not in (int, float) or not 0 <= value <= 100:
            raise WrongField(f"must be a number from 0 to 100, not {shown(value)}")
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 100}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Any) -> bool:
        if type(value) is not bool:
            raise WrongField(f"must be true or false, not {shown(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts."""

    texts: tuple[str, ...]

    def read(self, value: Any) -> str:
        if type(value) is not str or value not in self.texts:
            raise WrongField(f"must be one of {', '.join(self.texts)}, not {shown(value)}")
        return self.texts[self.texts.index(value)]  # one object for all

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.texts)}


@dataclass(frozen=True, slots=True)
class OrNull:
    """Null, or a value of another kind."""

    kind: Field

    def read(self, value: Any) -> Any:
        return None if value is None else self.kind.read(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


class Begun:
    """A list whose first items were read as they came. ``kind``: theirs; None where none can be read yet."""

    def __init__(self, kind: Field | None):
        self._kind = kind
        self.read: list[Any] = []
        #: The items behind those, as they are in the text: the first one is wrong, or may be.
        self.rest: list[Any] = []

    def add(self, value: Any) -> None:
        """Add the next item of the text."""
        if self._kind is not None and not self.rest:
            try:
                self.read.append(self._kind.read(value))
                return
            except WrongField:
                pass  # it is raised where the whole is read
        self.rest.append(value)

    def __len__(self) -> int:
        return len(self.read) + len(self.rest)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of values of one kind, from ``least`` to ``most`` of them; or one that was begun to be read."""

    kind: Field
    most: int
    least: int = 0

    def read(self, value: Any) -> list[Any]:
        if type(value) is not list and type(value) is not Begun:
            raise WrongField(f"must be a list, not {shown(value)}")
        if not self.least <= len(value) <= self.most:
            size = self.most if self.least == self.most else f"{self.least} to {self.most}"
            raise WrongField(f"must have {size} items, not {len(value)}")
        found, rest = (value.read, value.rest) if isinstance(value, Begun) else ([], value)
        read = self.kind.read
        try:
            for each in rest:
                found.append(read(each))
        except WrongField as error:
            error.way.append(len(found))
            raise
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.kind.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose names are free: at most ``most`` of them."""

    name: Text
    kind: Field
    most: int

    def read(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise WrongField(f"must be an object, not {shown(value)}")
        if len(value) > self.most:
            raise WrongField(f"must have at most {self.most} names, not {len(value)}")
        found = {}
        for name, each in value.items():
            self.name.read(name)
            try:
                found[name] = self.kind.read(each)
            except WrongField as error:
                error.way.append(name)
                raise
        return found

    def schema(self) -> dict[str, Any]:
        names = {"propertyNames": self.name.schema(), "maxProperties": self.most}
        return {"type": "object", "additionalProperties": self.kind.schema(), **names}


@dataclass(frozen=True, slots=True)
class Record:
    """An object with these names. Those in ``defaults`` may be missing; names that are not known are left out.

    ``make`` makes the result of the checked fields, and raises WrongField where they do not fit together.
    """

    fields: Mapping[str, Field]
    make: Callable[..., Any] = dict
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def read(self, value: Any) -> Any:
        if type(value) is not dict:
            raise WrongField(f"must be an object, not {shown(value)}")
        found = {}
        for name, kind in self.fields.items():
            try:
                found[name] = kind.read(value[name])
            except KeyError:
                if name not in self.defaults:
                    raise WrongField(f'has no "{name}"') from None
                found[name] = self.defaults[name]
            except WrongField as error:
                error.way.append(name)
                raise
        return self.make(**found)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.fields.items()},
            "required": [name for name in self.fields if name not in self.defaults],
        }
