"""Forks of a measured process: each inherits the running tracer, and leaves what it covered in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.processes import wake
from ipy_branchcov.processes.endings import Endings
from ipy_branchcov.processes.folder import Member
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.imports import before_import


class Forks:
    """Watches for forks of this process, between :meth:`begin` and :meth:`close`.

    ``folder``: where they leave data; None: they leave none, and are not missed. ``context``: called in a fork, returns
    who runs there, where the session does not know it. ``watched``: how this process ends is watched already, and so
    is how its forks end.
    """

    def __init__(
        self,
        session: Session,
        folder: Path | None,
        *,
        context: Callable[[], str] = lambda: "",
        watched: bool = False,
    ):
        self._session = session
        self._folder = folder
        self._context = context
        #: This process in the folder, where it is a fork.
        self._member: Member | None = None
        self._watched = watched
        #: Whether this process is a fork of the one that began.
        self.child = False

    def begin(self) -> None:
        if not _registered and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_in_child)
            _registered.append(True)
            before_import.append(wake.imported)
        wake.begin()
        _watching.append(self)

    def save(self) -> None:
        """In a fork, at its end: leave what it covered. Only the first call counts."""
        self._session.stop(self._context())
        member, self._member = self._member, None
        if member is not None:
            with suppress(BranchcovError):  # the run reports that the data is missing
                member.save(self._session.coverage())

    def _ends(self, abrupt: bool) -> int:
        self.save()
        return 0

    def hand_over(self, folder: Path) -> bool:
        """The same where this process is a fork that is measured for the run of a folder; return whether it is."""
        mine = self.child and self._folder == folder
        if mine:
            self.save()
        return mine

    def close(self) -> None:
        """Watch no more."""
        if self in _watching:
            _watching.remove(self)

    def _forked(self, place: str, *, leaves: bool) -> None:
        """This process is a fork. ``leaves``: it may run code, and is missing where it leaves no data."""
        self.child = True
        self._member = None
        # First: where the rest fails, the run reports a loss.
        if leaves and self._folder is not None and self._folder.is_dir():
            self._member = Member(self._folder, f"forked in {place}")
        try:
            self._session.forked()
            if not self._watched:
                self._watched = True
                Endings(self._ends, _go_on).begin()
        except Exception:
            self._member = None
            raise


def _go_on() -> None:
    """An exec failed in a fork: it has left its data, and what it does now is not measured."""


#: Those that watch now. What is registered with the interpreter cannot be unregistered.
_watching: list[Forks] = []
_registered: list[bool] = []


def hand_over(folder: Path) -> Callable[[], None] | None:
    """As ``children.hand_over``, for a fork. Its session is that of the client: it is not begun again here."""
    mine = [each for each in _watching if each.hand_over(folder)]
    return (lambda: None) if mine else None


def _after_in_child() -> None:
    caller = sys._getframe(1)
    if caller.f_code.co_name == "_execute_child":  # subprocess with preexec_fn: another program follows
        return
    # os.spawnv has looked up os.execv before it forks: ours, where that is watched, else theirs.
    leaves = caller.f_code.co_name != "_spawnvef"
    place = f"{os.path.basename(caller.f_code.co_filename)}:{caller.f_lineno}"  # noqa: PTH119
    for each in _watching:
        with suppress(Exception):  # it would be printed in the program's output
            each._forked(place, leaves=leaves)
