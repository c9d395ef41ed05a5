"""Choose a tracer: by name, or the best of this Python. The only module that imports the tracers of each Python."""

from __future__ import annotations

import sys

from ipy_branchcov.errors import UsageError
from ipy_branchcov.tracing.settrace import SettraceTracer
from ipy_branchcov.tracing.tracer import TracerFactory


def tracers() -> dict[str, TracerFactory]:
    """The tracers that this Python has, by name, the preferred one first."""
    found: dict[str, TracerFactory] = {}
    if sys.version_info < (3, 12):
        from ipy_branchcov.tracing.py311.tracer import ProbeTracer

        found["probes"] = ProbeTracer
    if (3, 12) <= sys.version_info < (3, 14):
        from ipy_branchcov.tracing.py312.tracer import InstructionTracer

        found["monitoring"] = InstructionTracer
    if sys.version_info >= (3, 14):
        from ipy_branchcov.tracing.py314.tracer import MonitoringTracer

        found["monitoring"] = MonitoringTracer
    found["settrace"] = SettraceTracer
    return found


def tracer_names() -> tuple[str, ...]:
    """The names that can be chosen on this Python."""
    return ("auto", *tracers())


def choose_tracer(name: str = "auto") -> TracerFactory:
    """The tracer of that name, or the best there is. Raises UsageError if this Python does not have it."""
    known = tracers()
    if name == "auto":
        return next(iter(known.values()))
    if name not in known:
        choice = " or ".join(tracer_names())
        raise UsageError(f"no tracer {name!r} on Python {sys.version.split()[0]}; choose {choice}")
    return known[name]
