"""The unit tests of `fasttext-community`, a maintained fork of the original, with ftcore in its place.

python tests/reference/community_tests.py [pytest's words]

`make peer` unpacks its source below ``.venv-peer/community``; the tests are run as they are. Left out, by name,
are those that reach behind the Python API into the fork's own C++ objects.
"""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest
from peer_tests import ROOT, put_ftcore_in_place

LEFT_OUT = {
    "test_get_word_vector_size_mismatch_raises": "a vector of the C++ module",
    "test_build_args_keeps_manual_bucket_for_autotune": "the C++ module's arguments",
    "test_unsupervised_autotune_with_manual_bucket_zero": "the C++ module's train()",
    "test_train_resets_cache": "the C++ module's train()",
    "test_load_model_resets_cache": "model.f.loadModel()",
    "test_load_model_clears_quantized": "model.f.loadModel()",
    "test_predict_dim_mismatch_raises": "matrices of two sizes are refused by set_matrices already",
    "test_training_thread_error_raises": "matrices of two sizes are refused by set_matrices already",
}


class _LeaveOut:
    def pytest_collection_modifyitems(self, config, items) -> None:
        gone = [item for item in items if item.originalname in LEFT_OUT]
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=gone)


def main() -> int:
    home = Path(os.environ.get("FTCORE_COMMUNITY") or ROOT / ".venv-peer" / "community")
    found = sorted(home.glob("**/fasttext_module/fasttext/tests"))
    if not found:
        raise SystemExit(f"{home}: no tests of fasttext-community here; run `make peer` first")
    put_ftcore_in_place(str(found[0]))
    sys.modules["fasttext_pybind"] = types.ModuleType("fasttext_pybind")
    # the processes that these tests start import fasttext too
    package = home / "shim" / "fasttext"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(
        "from ftcore import load_model, train_supervised, train_unsupervised, util\n"
    )
    if not (package / "tests").exists():
        (package / "tests").symlink_to(found[0], target_is_directory=True)
    sys.modules["fasttext"].__file__ = str(package / "__init__.py")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(package.parent), str(ROOT)])
    words = [str(found[0]), "-q", "--rootdir", str(home), "-p", "no:cacheprovider", "--import-mode=prepend"]
    words += ["--ignore-glob=*util*", "-o", "addopts=", *sys.argv[1:]]  # util: downloads
    return int(pytest.main(words, plugins=[_LeaveOut()]))


if __name__ == "__main__":
    sys.exit(main())
