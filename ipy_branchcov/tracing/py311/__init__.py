"""Python 3.11: no ``sys.monitoring``. Probes in the code itself, which vanish after their first hit."""
