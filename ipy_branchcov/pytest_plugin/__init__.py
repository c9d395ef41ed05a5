"""``pytest --branchcov``: the options (:mod:`.plugin`) and the measured run (:mod:`.run`).

pytest rewrites the asserts of each module of a distribution that has a plugin. Ours have nothing to rewrite, and a new
environment, as CI has one for each run, has no rewritten byte code of them yet: parsing and compiling a hundred modules
took 0.2 to 0.3 seconds. So from here on they are found before pytest's own finder is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class OwnModules(MetaPathFinder):
    """Finds the modules of this package as Python does without pytest."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        mine = fullname.partition(".")[0] == __name__.partition(".")[0]
        return PathFinder.find_spec(fullname, path, target) if mine else None

    def begin(self) -> None:
        """Find them from now on, before all others."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def end(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


OWN_MODULES = OwnModules()
OWN_MODULES.begin()
