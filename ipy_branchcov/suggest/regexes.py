"""Texts that match a regular expression: read from its parsed form, with a choice at each fork."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

_parse: Any = vars(re)["_parser"].parse  # the module `sre_parse` of old
_TOP = 0x250
#: What stands for a class of characters.
_CLASSES = {
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_NOT_DIGIT": "a-X ",
    "CATEGORY_WORD": "a1_B",
    "CATEGORY_NOT_WORD": "- .",
    "CATEGORY_SPACE": " \t\n",
    "CATEGORY_NOT_SPACE": "a1-",
}
_ANY = "a1 -Z."


def examples(pattern: str | bytes, random: Random, count: int = 6) -> Iterator[str]:
    """Texts that a pattern matches; none where it is no pattern, or asks for what is not understood here."""
    try:
        written = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
        parsed = _parse(written)
    except (re.error, RecursionError, OverflowError, ValueError):
        return
    for number in range(count):
        try:
            yield _Writer(random, greedy=number % 3).write(parsed)
        except (RecursionError, ValueError):
            return


class _Writer:
    """Writes one text. ``greedy``: 0 repeats as little as possible, 1 once more, 2 by chance; and so for options."""

    def __init__(self, random: Random, greedy: int):
        self._random, self._greedy = random, greedy
        self._groups: dict[int, str] = {}

    def write(self, parsed: Any) -> str:
        return "".join(self._one(str(kind), argument) for kind, argument in parsed)

    def _one(self, kind: str, argument: Any) -> str:
        match kind:
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL":
                return next(each for each in _ANY if ord(each) != argument)
            case "ANY":
                return self._random.choice(_ANY)
            case "IN":
                return self._of_class(argument)
            case "BRANCH":
                options = argument[1]
                return self.write(options[0] if self._greedy == 0 else self._random.choice(options))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeated(*argument)
            case "ATOMIC_GROUP":
                return self.write(argument)
            case "ASSERT":
                return self.write(argument[1]) if argument[0] > 0 else ""
        return self._of_group(kind, argument)

    def _of_group(self, kind: str, argument: Any) -> str:
        match kind:
            case "SUBPATTERN":
                text = self.write(argument[3])
                if argument[0] is not None:
                    self._groups[argument[0]] = text
                return text
            case "GROUPREF":
                return self._groups.get(argument, "")
            case "GROUPREF_EXISTS":
                group, yes, no = argument
                return self.write(yes if group in self._groups else no or ())
        return ""  # a place: the beginning, the end, a boundary

    def _repeated(self, least: int, most: Any, inner: Any) -> str:
        most = min(int(most), least + 3)
        if self._greedy == 2:
            count = self._random.randint(least, most)
        else:
            count = min(least + self._greedy, most)
        return "".join(self.write(inner) for _ in range(count))

    def _of_class(self, items: Any) -> str:
        chars: list[str] = []
        negated = False
        for kind, argument in items:
            match str(kind):
                case "NEGATE":
                    negated = True
                case "LITERAL":
                    chars.append(chr(argument))
                case "RANGE":
                    low, high = argument
                    chars += [chr(each) for each in {low, high, (low + high) // 2}]
                case "CATEGORY":
                    chars += _CLASSES.get(str(argument), "a")
        if negated:
            chars = [each for each in map(chr, range(0x20, _TOP)) if each not in chars][:40]
        if not chars:
            raise ValueError("an empty class")
        return self._random.choice(sorted(chars))
