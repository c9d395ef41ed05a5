"""Shared by all Pythons: place probes in code objects, register instrumented code, swap the code of functions."""
