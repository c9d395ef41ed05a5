"""``python -m ipy_branchcov``: the command line."""

import sys

from ipy_branchcov.cli import main

sys.exit(main())
