"""Coverage from other processes: children that a run starts, and the kernels of notebooks."""
