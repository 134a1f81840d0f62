"""The original's own unit tests on ftcore; `make peer-tests ARGS="--times 20"` repeats them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reference.peer import needs_peer

SCRIPT = Path(__file__).parents[2] / "reference/peer_tests.py"


@needs_peer
@pytest.mark.slow  # `make peer-tests` runs them
def test_all_83_pass_and_none_is_skipped():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--only-ftcore", "--seed", "1000"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "83 of 83 passed, 0 skipped" in done.stdout
