"""The stub of the native core is what its module has."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_stub_is_that_of_the_module():
    made = runpy.run_path(str(ROOT / "tests" / "native_stub.py"))
    assert made["STUB"].read_text(encoding="utf-8") == made["stub"](), (
        "signatures of the native core changed: python tests/native_stub.py"
    )
    assert "def best_labels(scores: NDArray[np.float32]" in made["stub"]()
