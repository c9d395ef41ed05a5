"""Python 3.12 and 3.13: split edges, and one INSTRUCTION event for each instruction."""
