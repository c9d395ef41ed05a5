"""Coverage from the workers of engines: Dask, ipyparallel, Ray, and any other that can call a function on each worker.

    import ipy_branchcov as branchcov

    with branchcov.measure("mypackage", engines=client) as run:     # of Dask or ipyparallel; or ray
        ...

``protocol`` is what an engine must be able to do, ``on_worker`` runs on the workers, ``texts`` finds the source of
functions that were sent there, ``gathering`` is a run as the client sees it. The other modules each reach one engine.
State outlives a call in ``on_worker`` alone: the runs that are on in a worker.
"""

from ipy_branchcov.processes.engines.gathering import Gathering
from ipy_branchcov.processes.engines.known import engine_of
from ipy_branchcov.processes.engines.protocol import Engine, Reply

__all__ = ["Engine", "Gathering", "Reply", "engine_of"]
