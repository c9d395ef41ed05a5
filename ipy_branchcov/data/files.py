"""Files: data files read and checked, and every file that is written, whole."""

from __future__ import annotations

import errno
import os
import re
import stat
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from ipy_branchcov.errors import DataError, NoSuchFileError
from ipy_branchcov.model.coverage import Coverage

#: Bytes of a data file that is read; a thousand outcomes have about 200,000.
LARGEST = 1 << 29
#: Bytes that are read at a time.
_PIECE = 1 << 20
#: The names of what this process has open, at the end of the links that lead there.
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


def save(coverage: Coverage, path: Path, *, texts: bool = False, values: bool = False) -> None:
    """Write a data file, whole or not at all; ``texts`` and ``values`` as in :func:`json_form.dumps`."""
    from ipy_branchcov.data import json_form  # not imported where no data file is read or written

    _write(path, json_form.pieces(coverage, texts=texts, values=values))


def load(path: Path) -> Coverage:
    """Read a data file. Raises DataError."""
    from ipy_branchcov.data import json_form  # not imported where no data file is read or written

    try:
        with path.open("rb") as file:
            return json_form.read(_pieces(file, path), str(path))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NoSuchFileError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a data file of branchcov (not text)") from None
    except ValueError:
        raise NoSuchFileError(f"{path}: cannot be read (no file has such a name); check the path") from None


def _pieces(file: BinaryIO, path: Path) -> Callable[[], str]:
    """What returns the next piece of a file's text. It raises UnicodeDecodeError, and DataError in a file too large."""
    decode = getincrementaldecoder("utf-8")().decode
    left = LARGEST

    def more() -> str:
        nonlocal left
        text = ""
        while not text:
            data = file.read(_PIECE)
            left -= len(data)
            if left < 0:
                raise DataError(f"{path}: not a data file of branchcov (larger than {LARGEST >> 20} MB)")
            text = decode(data, final=not data)
            if not data:
                break
        return text

    return more


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all: under a temporary name beside it, which then becomes its own.

    A new file has the rights that the umask gives, another keeps its own. A link stays, and the file it leads to is
    written. A device or a FIFO is written as it stands, and so is what this process has open (``/dev/stdout``).
    Raises DataError.
    """
    _write(path, [text])


def _write(path: Path, pieces: Iterable[str]) -> None:
    try:
        stream = _in_place(path)
    except ValueError:
        raise DataError(f"{path}: cannot be written (no file has such a name); choose another file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another file") from None
    data = (piece.encode() for piece in pieces)
    try:
        if stream is None:
            _replace(Path(os.path.realpath(path)), data)
        else:
            with stream:
                stream.writelines(data)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def append(path: Path, text: str) -> None:
    """Write a text behind what a file has. Raises DataError."""
    try:
        with path.open("ab") as file:
            file.write(text.encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def _in_place(path: Path) -> BinaryIO | None:
    """What to write into where a path leads to no file of its own; else None.

    Raises OSError for a folder, and for a circle of links.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    here = path.absolute()
    while not (found := _DESCRIPTOR.fullmatch(str(here))) and here.is_symlink():
        here = Path(os.path.normpath(here.parent / here.readlink()))
    if found:
        return os.fdopen(os.dup(int(found[1])), "wb")
    return None if stat.S_ISREG(mode) else path.open("wb")


def _replace(path: Path, data: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".branchcov-{uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            _take_over_rights(path, file)
            file.writelines(data)
        temporary.replace(path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        temporary.unlink(missing_ok=True)
        raise


def _take_over_rights(path: Path, file: BinaryIO) -> None:
    """Give a new file the rights of the one that it will replace, if there is one. Raises OSError."""
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if os.name == "nt":
        return
    new = os.fstat(file.fileno())
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
    os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
