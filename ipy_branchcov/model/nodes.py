"""In which fields of a syntax node other nodes stand, so that walks over whole trees look at no others."""

from __future__ import annotations

import ast

#: Fields with words, numbers and signs, in every node that has them.
_WORDS = frozenset({"ctx", "op", "ops", "id", "attr", "arg", "kind", "conversion", "type_comment", "is_async", "level"})


class _NodeFields(dict[type, tuple[str, ...]]):
    """Found out at the first node of a kind; kinds differ from Python to Python."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        found = () if kind is ast.Constant else tuple(name for name in kind._fields if name not in _WORDS)
        self[kind] = found
        return found


#: By the type of a node. A field may hold a node, a list with nodes, or none.
NODE_FIELDS = _NodeFields()
