"""The pools of processes that a program has left open: they end with the interpreter, or when nobody waits for them."""

from __future__ import annotations

import gc
import sys

#: Seconds that a worker has to end and to leave its data.
_PATIENCE = 5


def end_workers() -> None:
    """End the workers of pools, as an interpreter does at its end; workers that are busy finish their work first.

    Called where the interpreter goes on or will be killed, and nothing more is given to the pools.
    """
    for name, module in list(sys.modules.items()):  # the standard library's executors, and joblib's
        if name.endswith(("concurrent.futures.process", "loky.process_executor")):
            for manager in list(getattr(module, "_threads_wakeups", ())):
                executor = getattr(manager, "executor_reference", lambda: None)()
                if executor is not None:
                    executor.shutdown(wait=True)
    if "multiprocessing.pool" in sys.modules:
        from multiprocessing.pool import Pool

        for each in [each for each in gc.get_objects() if issubclass(type(each), Pool)]:
            each.terminate()
    if "multiprocessing" in sys.modules:
        from multiprocessing import active_children

        daemons = [each for each in active_children() if each.daemon]
        for each in daemons:
            each.terminate()
        for each in daemons:
            each.join(_PATIENCE)
