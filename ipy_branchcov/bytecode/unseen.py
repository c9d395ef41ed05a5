"""Functions whose frames a program cannot see.

The interpreter shows no frame that has not reached its RESUME instruction: not to ``sys._getframe`` and ``f_back``, in
no traceback, not to ``warnings`` (``_PyFrame_IsIncomplete`` in its sources, 3.11 to 3.15). Only faulthandler, which
walks the raw stack, shows it; and on 3.11 a profile function that the program leaves on is called at its end.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def unseen(function: Callable[P, R]) -> Callable[P, R]:
    """The function without RESUME: its frames are not seen. It is no generator, and an exception may pass through it.

    It changes the function in place.
    """
    changed: Any = function
    code = changed.__code__
    each = list(dis.get_instructions(code))
    resume = next(number for number, one in enumerate(each) if one.opname == "RESUME")
    begin, end = each[resume].offset, each[resume + 1].offset  # 3.15 has a cache behind it
    raw = bytearray(code.co_code)
    raw[begin:end] = bytes((dis.opmap["NOP"], 0)) * ((end - begin) // 2)
    changed.__code__ = code.replace(co_code=bytes(raw))
    return function
