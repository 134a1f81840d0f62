"""The original fastText in a subprocess, as independent truth.

``FTCORE_PEER`` names a Python that can import it (default: ``.venv-peer/bin/python`` in the repository).
"""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

_PYTHON = Path(os.environ.get("FTCORE_PEER") or Path(__file__).parents[2] / ".venv-peer/bin/python")
DATA = Path(os.environ.get("FTCORE_DATA") or Path(__file__).parents[3] / "shared/data")

needs_peer = pytest.mark.skipif(
    not _PYTHON.exists(), reason=f"no original fastText: {_PYTHON} is missing (set FTCORE_PEER)"
)


def data_file(relative: str) -> Path:
    """A corpus file, or skip the test with the reason."""
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"no corpus {path} (set FTCORE_DATA)")
    return path


def run_peer(script: str, **arrays: object) -> dict[str, np.ndarray]:
    """Run ``script`` in the original's Python; it reads ``given`` and fills the dict ``out``.

    ``given`` and ``out`` travel as .npz without pickle: strings as lists of str or bytes arrays.
    """
    prelude = (
        "import sys, io, numpy as np, fasttext\n"
        "fasttext.FastText.eprint = lambda *a, **k: None\n"
        "given = dict(np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False))\n"
        "out = {}\n"
    )
    ending = "\nb = io.BytesIO(); np.savez(b, **out); sys.stdout.buffer.write(b.getvalue())\n"
    sent = io.BytesIO()
    np.savez(sent, **arrays)
    done = subprocess.run(
        [str(_PYTHON), "-c", prelude + script + ending],
        input=sent.getvalue(),
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(np.load(io.BytesIO(done.stdout), allow_pickle=False))
