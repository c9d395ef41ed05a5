"""Which engine a client belongs to. A client's own package is imported already; no other one is."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ipy_branchcov.errors import UsageError
from ipy_branchcov.processes.engines.protocol import Engine

#: The module here that reaches an engine, by the package of its clients.
_MODULES = {"distributed": "dask", "ipyparallel": "ipyparallel", "ray": "ray"}


def engine_of(client: object) -> Engine:
    """The engine of a client of Dask or ipyparallel; of the latter a view is one, too. Of Ray its module is one.

    An :class:`Engine` is its own. Raises UsageError for anything else, and for a client that cannot be used.
    """
    if isinstance(client, Engine):
        return client
    names = [client.__name__] if isinstance(client, ModuleType) else [each.__module__ for each in type(client).__mro__]
    for name in names:
        module = _MODULES.get(name.partition(".")[0])
        if module is not None:
            engine: Engine = import_module(f"{__package__}.{module}").engine(client)
            return engine
    raise UsageError(
        f"engines: {type(client).__name__} is no client of Dask or ipyparallel, not Ray, and no branchcov Engine"
    )
