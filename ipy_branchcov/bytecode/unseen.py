"""Functions whose frames a program cannot see.

The interpreter shows no frame that has not reached its RESUME instruction: not to ``sys._getframe`` and ``f_back``, in
no traceback, not to ``warnings`` (``_PyFrame_IsIncomplete`` in its sources, 3.11 to 3.15). Only faulthandler, which
walks the raw stack, shows it. Where an exception of the program comes through, see :mod:`..processes.untraced`.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import CodeType
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
    if sys.version_info < (3, 15):
        changed.__code__ = code.replace(co_code=bytes(raw))
        return function
    # Never reached, and behind all that is, so that no frame ever has reached it.
    table = code.co_linetable + bytes((_NO_LOCATION + (end - begin) // 2 - 1,))
    changed.__code__ = code.replace(co_code=bytes(raw) + code.co_code[begin:end], co_linetable=table)
    _give_data(changed.__code__)
    return function


#: In a table of locations: instructions without one, and their number less 1.
_NO_LOCATION = 0x80 | 15 << 3


def _give_data(code: CodeType) -> None:
    """Give code the data of ``sys.monitoring`` that RESUME gives it, and code without a RESUME cannot have.

    From 3.15 on RAISE is looked up in it: without it an exception that comes through ends the process, where a trace
    function is on (``get_tools_for_instruction`` in Python/instrumentation.c).
    """
    monitoring = sys.monitoring
    tools = [each for each in range(6) if monitoring.get_tool(each) is not None]
    if not tools:
        monitoring.use_tool_id(5, __name__)
    tool = tools[0] if tools else 5
    monitoring.set_local_events(tool, code, monitoring.events.RAISE)
    monitoring.set_local_events(tool, code, 0)
    if not tools:
        monitoring.free_tool_id(tool)
