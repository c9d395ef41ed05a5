"""A mapping that forgets what was not used for a while."""

from __future__ import annotations

from typing import Generic, TypeVar

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps what was set or read since the last but one call of :meth:`turn`.

    >>> recent = Recent()
    >>> recent["a"] = 1
    >>> recent.turn(); recent.get("a"); recent.turn(); recent.get("a"); recent.turn(); recent.turn(); recent.get("a")
    1
    1
    """

    def __init__(self) -> None:
        self._new: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __setitem__(self, key: K, value: V) -> None:
        self._new[key] = value

    def get(self, key: K) -> V | None:
        found = self._new.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self._new[key] = found
        return found

    def pop(self, key: K) -> None:
        """Forget one."""
        self._new.pop(key, None)
        self._old.pop(key, None)

    def values(self) -> list[V]:
        return list((self._old | self._new).values())

    def __len__(self) -> int:
        return len(self._old | self._new)

    def turn(self) -> None:
        """Forget what was not used since the last call."""
        self._old, self._new = self._new, {}

    def clear(self) -> None:
        self._old, self._new = {}, {}
