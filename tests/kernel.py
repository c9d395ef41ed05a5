"""A live kernel, and what its cells show."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.manager import KernelManager


@dataclass
class Shown:
    """What came back from one cell: its status, streams, value, displays and traceback as text.

    ``inputs``: the texts of cells that it asked the front end to put below.
    """

    status: str = ""
    error: str = ""
    stdout: str = ""
    stderr: str = ""
    value: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)
    traceback: str = ""
    inputs: list[str] = field(default_factory=list)
    comms: list[dict[str, Any]] = field(default_factory=list)
    #: Outputs shown before that were changed, and what was sent to models that were there before.
    updates: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The coverage shown, as text."""
        return "\n".join(each["text/plain"] for each in self.displays)


class Kernel:
    """Runs cells, in history or (as nbval does) without."""

    def __init__(self, client: Any, manager: Any):
        self.client, self.manager = client, manager

    def run(self, cell: str, *, history: bool = True) -> Shown:
        shown = Shown()

        def hear(message: dict[str, Any]) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                setattr(shown, content["name"], getattr(shown, content["name"]) + content["text"])
            elif kind == "execute_result":
                shown.value = content["data"]["text/plain"]
            elif kind == "display_data":
                shown.displays.append(content["data"])
            elif kind == "update_display_data":
                shown.updates.append(content["data"])
            elif kind == "comm_msg" and content["data"].get("method") == "update":
                shown.states.append(content["data"]["state"])
            elif kind == "comm_open":
                shown.comms.append(content)
            elif kind == "error":
                shown.traceback = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(content["traceback"]))

        reply = self.client.execute_interactive(
            cell, store_history=history, output_hook=hear, timeout=60, allow_stdin=False
        )
        shown.status = reply["content"]["status"]
        shown.error = reply["content"].get("ename", "")
        payloads = reply["content"].get("payload", ())
        shown.inputs = [each["text"] for each in payloads if each["source"] == "set_next_input"]
        return shown

    def ask(self, expression: str) -> str:
        """The ``repr`` of an expression, asked without a cell."""
        shown: list[str] = []
        reply = self.client.execute_interactive(
            "", silent=True, user_expressions={"x": expression}, output_hook=shown.append, timeout=60
        )
        return str(reply["content"]["user_expressions"]["x"]["data"]["text/plain"])


@contextmanager
def kernel(**environment: str) -> Iterator[Kernel]:
    """A fresh ipykernel of this Python. Its sockets are files: a port that is free can be covered before it listens."""
    with TemporaryDirectory() as folder:
        manager = KernelManager(transport="ipc", ip=f"{folder}/kernel")
        # Tests kill their kernels, which then leave their temporary files behind.
        environment = os.environ | {"TMPDIR": folder} | environment
        manager.start_kernel(extra_arguments=["--log-level=ERROR"], env=environment)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            yield Kernel(client, manager)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
