"""What a program needs to measure the workers of another engine: docs/engines.md has an example."""

from __future__ import annotations

from ipy_branchcov.processes.engines import Engine, Reply, engine_of

__all__ = ["Engine", "Reply", "engine_of", "ray_worker"]


def ray_worker() -> None:
    """Measure the tasks of a worker of Ray for each run that asks for them. Ray calls it when it starts a worker.

    Give it to Ray by its name; ipy-branchcov must be installed where the workers are.

        ray.init(runtime_env={"worker_process_setup_hook": "ipy_branchcov.engines.ray_worker"})
    """
    from ipy_branchcov.processes.engines import ray_tasks  # imports Ray

    ray_tasks.ray_worker()
