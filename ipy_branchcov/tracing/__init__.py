"""Running code -> edges. Knows nothing of what an edge means."""

from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Plan, Recording, Tracer, choose_tracer

__all__ = ["CodeFilter", "Edge", "Plan", "Recording", "Tracer", "choose_tracer"]
