r"""Text of foreign origin made safe to show: names of files, values and messages can hold anything."""

from __future__ import annotations

import re

# Control characters (C0 and C1), ends of lines and paragraphs, overrides of the direction of text, halves of a pair
# of surrogates (Python's bytes of a file name that are no UTF-8, too), and two characters that XML refuses.
_CONTROL = "\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\\ud800-\\udfff\ufffe\uffff"
_ANY = re.compile(f"[{_CONTROL}]")
#: Tabs and ends of lines belong to a text of many lines.
_IN_TEXT = re.compile(f"(?![\\t\\n\\r])[{_CONTROL}]")


def printable(text: str) -> str:
    r"""A foreign text as a part of one line: what no line, terminal or XML can hold is escaped as Python writes it.

    >>> printable("a\nb\x1b[2J ü"), printable("caf\udce9.py")
    ('a\\nb\\x1b[2J ü', 'caf\\xe9.py')
    """
    return _ANY.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name, as os.fsdecode() returns it
        return f"\\x{code - 0xDC00:02x}"
    return ascii(character)[1:-1]


def visible(text: str) -> str:
    r"""A text of one or more lines, each character with a picture in its place where it is a control character.

    >>> visible("a\tb\x1b\x9b")
    'a\tb␛�'
    """
    return _IN_TEXT.sub(lambda found: _picture(ord(found[0])), text)


def _picture(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def is_printable(text: str) -> bool:
    """Whether :func:`printable` changes nothing."""
    return text.isprintable() or _ANY.search(text) is None
