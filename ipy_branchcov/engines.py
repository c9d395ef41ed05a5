"""What a program needs to measure the workers of another engine: docs/engines.md has an example."""

from __future__ import annotations

from ipy_branchcov.processes.engines import Engine, Reply, engine_of

__all__ = ["Engine", "Reply", "engine_of"]
