"""``--engines NAME``: the workers of the clients of that name in the user's namespace are measured with the cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.notebook.cells import Cells
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

if TYPE_CHECKING:
    from ipy_branchcov.processes.engines import Engine


class EnginesByName:
    """Finds clients in a shell; a companion of its session's runs."""

    def __init__(self, shell: Any, session: Session, cells: Cells, folder: Callable[[], Path | None]):
        self._shell, self._session, self._cells = shell, session, cells
        #: Returns where the processes of the running cell leave their data.
        self._folder = folder

    def find(self, names: Iterable[str]) -> list[Engine]:
        """The engines of the clients of these names. Raises UsageError."""
        found = []
        for name in names:
            from ipy_branchcov.processes.engines import engine_of

            if name not in self._shell.user_ns:
                raise UsageError(f"--engines {name}: there is no variable {name}; make the client in a cell above")
            try:
                found.append(engine_of(self._shell.user_ns[name]))
            except UsageError as error:
                raise UsageError(f"--engines {name}: {str(error).removeprefix('engines: ')}") from None
        return found

    def __call__(self, options: RunOptions) -> Callable[[str], Coverage] | None:
        """Begin on the workers, where the options of a run name any."""
        if not options.engines:
            return None
        from ipy_branchcov.processes.engines import Gathering
        from ipy_branchcov.processes.engines.texts import FUTURE

        try:
            engines = self.find(options.engines)
        except UsageError as error:
            lost = Coverage(lost=frozenset({str(error)}))
            return lambda context: lost
        flags = self._shell.compile.flags & FUTURE
        run = Gathering(engines, self._session.scope, options, self._cells.sources(), flags, self._folder())
        return run.begin()
