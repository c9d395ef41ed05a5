"""What a killed process left behind is removed by the next one, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ipy_branchcov.processes.folder import DataFolder

MAKES = "import time\nfrom ipy_branchcov.processes.folder import DataFolder\n"
FORKS = "import os\nif os.fork() == 0:\n    time.sleep(60)\n"
WAITS = "print(folder.path, flush=True)\ntime.sleep(60)\n"


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
@pytest.mark.parametrize("forks", [False, True])
def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:
    """Unless a fork of it lives. The folder of one that lives stays, and so does what is not ours."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("branchcov-999999999-other", "branchcov-x", "other"):
        (tmp_path / name).mkdir()
    program = MAKES + "folder = DataFolder()\n" + (FORKS if forks else "") + WAITS
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    DataFolder().remove()
    assert left.is_dir()  # it lives
    process.kill()
    process.wait()
    DataFolder().remove()
    assert left.is_dir() == forks
    if forks:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.read()  # until it has ended
        DataFolder().remove()
        assert not left.exists()
    process.stdout.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["branchcov-999999999-other", "branchcov-x", "other"]


def test_the_numbers_of_open_files_stay(tmp_path: Path) -> None:
    before = os.dup(0)
    os.close(before)
    folder = DataFolder()
    now = os.dup(0)
    os.close(now)
    folder.remove()
    assert now == before
