"""The messages that the package has, found in its code, and those that docs/messages.md explains.

    python -m tests.messages

prints those that are not explained, and those that are explained and do not exist any more. A message is a text that
one of these emits: an error of ours that is raised; ``say``, ``print`` to the error stream; what is added to losses or
notes; what is assigned to a note or to a name that holds one; each text of a module that makes nothing else; and,
wherever it stands, a text with the words of a loss, a gate or a note.

Errors of the model and of the data's fields are quoted by one message, "not a complete data file (…)", and are not
counted; nor are errors that the user's own code is to catch (KeyError, AttributeError).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import ipy_branchcov

PACKAGE = Path(ipy_branchcov.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "messages.md"

_ERRORS = {
    "UsageError",
    "DataError",
    "NoSuchFileError",
    "TracerError",
    "BranchcovError",
    "BelowThreshold",
    "IPythonUsageError",
}
#: ValueErrors and their like become messages where a room's errors are shown as they are.
_VALUES = ("session/", "analysis/", "suggest/suggest.py")
_CALLS = {"say", "_say", "warn", "_ended"}
_COLLECTED = re.compile(r"_?(lost|notes?|failed|wrong)")
#: Names that hold a message, or its reason.
_HELD = re.compile(r"_?(lost|notes?|failed|wrong|why|UNREADABLE|IN_ARCHIVE|CHANGED|PENDING)")
#: Modules whose texts are all messages.
_WHOLE = ("reports/gates.py", "data/baseline.py", "tracing/failures.py")
_WORDS = re.compile(
    r"\b(not|cannot be) measured\b|measured slowly|\bis lost$|^lost: |branchcov failed|gate fails|so it fails"
    r"|not exactly|it is left out|^compiled: |was killed|covered all the same$|^no longer needed|omit it if"
)
#: Texts with these words that are no messages: words of the front end, of help, and of ``branchcov selftest``.
_NONE = (
    "selftest/",
    "suggest/trial.py",
    "suggest/wall.py",
    "session/options.py",
    "command_line.py",
    "model/coverage.py",
)
#: What the interpreter prints of an error in a script, and ``branchcov run`` in its place; a label in MC/DC's table; an
#: error that a started process swallows, which then runs unmeasured; what stands in the place of totals.
_NO_MESSAGES = {
    "…: not the folder of a measured run",
    "Error in sys.excepthook:",
    "Original exception was:",
    "Exception ignored in: …",
    ": no two evaluations can show it",
    "not measured",
}


def template(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be, with an ellipsis for what is filled in; none where it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)  # type: ignore[misc]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        for left in list(template(node.left)) or ["…"]:
            for right in list(template(node.right)) or ["…"]:
                yield left + right
    elif isinstance(node, ast.IfExp):
        yield from template(node.body)
        yield from template(node.orelse)
    elif isinstance(node, ast.List | ast.Set | ast.Tuple):
        for each in node.elts:
            yield from template(each)
    elif isinstance(node, ast.Call) and _name(node.func) in ("frozenset", "set", "tuple"):
        for each in node.args:
            yield from template(each)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _emitted(node: ast.AST, module: str) -> Iterator[str]:
    """The texts that a node emits."""
    match node:
        case ast.Raise(exc=ast.Call(func=error, args=[text, *_])):
            name = _name(error)
            if name in _ERRORS or (name in ("ValueError", "TraitError") and module.startswith(_VALUES)):
                yield from template(text)
        case ast.Call(func=function, args=given, keywords=named):
            to_errors = any(each.arg == "file" and "stderr" in ast.dump(each.value) for each in named)
            collected = isinstance(function, ast.Attribute) and _COLLECTED.fullmatch(_name(function.value))
            is_added = _name(function) in ("append", "add") and collected
            if _name(function) in _CALLS or (_name(function) == "print" and to_errors) or is_added:
                yield from template(ast.List(given[:1]))
            for each in named:
                if each.arg in ("note", "lost"):
                    yield from template(each.value)
        case ast.Assign(targets=[target, *_], value=value):
            owner = target.value if isinstance(target, ast.Subscript) else target
            if _HELD.fullmatch(_name(owner)):
                yield from template(value)
        case ast.JoinedStr() | ast.Constant(value=str()):
            whole = module in _WHOLE
            yield from (text for text in template(node) if _WORDS.search(text) or (whole and " is " in text))
            yield from (text for text in template(node) if whole and (" called " in text or " covered " in text))


def in_code() -> dict[str, str]:
    """The messages with the module that emits each."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        for text in of_module(path.read_text("utf-8"), module):
            found.setdefault(text, module)
    return found


def of_module(text: str, module: str) -> Iterator[str]:
    """The messages of one module."""
    tree = ast.parse(text)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.JoinedStr | ast.Constant)
        if is_text and (module.startswith(_NONE) or id(node) in docs):
            continue
        if isinstance(node, ast.Constant) and id(node) in inner:
            continue
        for each in map(normal, _emitted(node, module)):
            if len(each.replace("…", " ").split()) > 1 and each not in _NO_MESSAGES:  # shorter ones are made elsewhere
                yield each


def normal(text: str) -> str:
    """A template as it is written on the page: one line, one ellipsis for neighbouring parts, no word in front."""
    text = re.sub(r"\{[^}]*\}", "…", " ".join(text.split()))  # a field of str.format
    return re.sub(r"…(…)+", "…", text.removeprefix("branchcov: ")).strip()


def on_page(page: str) -> dict[str, tuple[str, str]]:
    """The messages that a page explains, each with its reason and its cure: the rows of its tables."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if line.startswith("| `") and len(cells) == 3:
            found[cells[0].strip("`").strip().replace("\\|", "|")] = (cells[1], cells[2])
    return found


def main() -> int:
    exist, explained = in_code(), on_page(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    missing, stale = sorted(exist.keys() - explained.keys()), sorted(explained.keys() - exist.keys())
    for text in missing:
        print(f"not explained: {text}    ({exist[text]})")
    for text in stale:
        print(f"does not exist: {text}")
    print(f"{len(exist) - len(missing)} of {len(exist)} messages explained, {len(stale)} that do not exist")
    return 1 if missing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
