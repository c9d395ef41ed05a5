"""Data files, read and written whole."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from ipy_branchcov.errors import DataError
from ipy_branchcov.model import schema
from ipy_branchcov.model.coverage import Coverage


def save(coverage: Coverage, path: Path, *, texts: bool = False) -> None:
    """Write a data file, whole or not at all."""
    write_whole(path, schema.dumps(coverage, texts=texts))


def load(path: Path) -> Coverage:
    """Read a data file. Raises DataError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a data file of branchcov (not text)") from None
    return schema.loads(text, str(path))


def write_whole(path: Path, text: str) -> None:
    """Write a text under a temporary name, then give it its own. Raises DataError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another file") from None
