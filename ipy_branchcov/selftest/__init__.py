"""``branchcov selftest``: whether this Python, and the tools in its process, measure as they should."""
