"""``python -m ipy_branchcov``: the command line."""

import sys

from ipy_branchcov.cli import start

sys.exit(start())
