"""Inputs that cover what was missed: values (arguments as expressions), target, guide, trials behind a wall, search."""
