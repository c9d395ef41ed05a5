"""The built-in names as they were when this package was imported.

Callbacks run inside the measured program, which may replace ``builtins.len``. A function looks for built-in names in
the ``__builtins__`` of its module's globals. So a module whose functions are callbacks imports this one's, above its
functions; it costs nothing at a call.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: By name.
BUILTINS: Any = dict(vars(builtins))
