"""Everything that the extension adds to a shell, and its removal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from traitlets import TraitError

from ipy_branchcov.errors import UsageError
from ipy_branchcov.notebook.arguments import Request
from ipy_branchcov.notebook.completion import matcher
from ipy_branchcov.notebook.display import live
from ipy_branchcov.notebook.magics import BranchcovMagics
from ipy_branchcov.notebook.pyodide import PyodideKernel
from ipy_branchcov.notebook.settings import BranchCov
from ipy_branchcov.session.config import check_sources, is_source, load_config
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session


class Extension:
    """One session of a shell, with its settings and its magics. Raises UsageError for a wrong configuration."""

    def __init__(self, shell: Any):
        self.shell = shell
        options = self._configured()
        try:
            self.settings = BranchCov(shell, options)
        except TraitError as error:
            raise UsageError(str(error)) from None
        self.session = Session(self.settings.run_options())
        self.magics = BranchcovMagics(shell, self.settings, self.session)
        self._descendants = self.magics.hooks.descendants
        self.session.companions.append(self.magics.engines)
        self.settings.observe(self._configure)
        self._matcher = matcher(self.magics.with_options())
        self._pyodide = PyodideKernel(shell, self.magics.hooks)

    def _configured(self) -> RunOptions:
        """The options of the current folder's configuration. Raises UsageError."""
        lines: list[str] = []
        options = load_config(Path.cwd(), say=lines.append)
        if not lines:
            check_sources(options.source, "[tool.branchcov] source")
            return options
        if not hasattr(self.shell, "kernel") or live():  # the outputs of a notebook that is only run stay as they are
            print(f"branchcov: {lines[0]}", file=sys.stderr)
        # They were written for other runs, in which other modules can be imported.
        return replace(options, source=tuple(filter(is_source, options.source)))

    def _configure(self, _change: Any) -> None:
        """``%config BranchCov.x = …`` takes effect on the next run."""
        self.session.configure(self.settings.run_options())

    # --- for the kernels of notebooks that are measured from outside

    def measure_cells(self, given: Mapping[str, object]) -> None:
        """Measure every cell from now on; options in ``given`` override the settings."""
        self.magics.hooks.automatic = Request(given)

    def leave_data_in(self, folder: Path) -> None:
        """Let the processes that cells start leave their data in a folder of the run that measures this kernel."""
        self._descendants.use(folder)

    def name_cell(self, label: str) -> None:
        """Give the next cell that runs a name."""
        self.magics.hooks.cells.next_label = label

    # --- loading and unloading

    def load(self) -> None:
        """Add everything to the shell."""
        hooks = self.magics.hooks
        self.shell.register_magics(self.magics)
        self.shell.input_transformers_cleanup.append(hooks.transform)
        for event, callback in self._callbacks().items():
            self.shell.events.register(event, callback)
        self.shell.configurables.append(self.settings)
        self._pyodide.load()
        if self.shell.Completer is not None:
            self.shell.Completer.custom_matchers.append(self._matcher)

    def unload(self) -> None:
        """Remove everything from the shell, except what another tool has removed or replaced since."""
        self.magics.inputs.close()
        self.session.close()
        self._descendants.close()
        self.magics.hooks.close()
        self._pyodide.unload()
        _remove(self.shell.input_transformers_cleanup, self.magics.hooks.transform)
        for event, callback in self._callbacks().items():
            if callback in self.shell.events.callbacks[event]:
                self.shell.events.unregister(event, callback)
        for configurable in (self.settings, self.magics):
            _remove(self.shell.configurables, configurable)
        if self.shell.Completer is not None:
            _remove(self.shell.Completer.custom_matchers, self._matcher)
        self._forget_magics()

    def _callbacks(self) -> dict[str, Any]:
        hooks = self.magics.hooks
        return {"pre_run_cell": hooks.pre_run_cell, "post_run_cell": hooks.post_run_cell}

    def _forget_magics(self) -> None:
        manager = self.shell.magics_manager
        for kind, names in self.magics.magics.items():
            for name, function in names.items():
                if manager.magics[kind].get(name) == function:
                    del manager.magics[kind][name]
        if manager.registry.get(type(self.magics).__name__) is self.magics:
            del manager.registry[type(self.magics).__name__]


def _remove(things: list[Any], ours: Any) -> None:
    if ours in things:
        things.remove(ours)
