"""Python 3.14 and later: an event for each direction of a branch."""
