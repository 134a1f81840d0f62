"""`python -m benchmarks.gpu` goes through all its motions in the interpreter, with torch, Triton and numpy alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.zipf import alias_of, make_corpus
from ftcore.engines.alias import alias_table

ROOT = Path(__file__).resolve().parents[4]


def test_tiny(tmp_path):
    light = "import sys, runpy\nfor name in ('ftcore._native', 'pydantic', 'pyarrow', 'pandas'): sys.modules[name] = None\n"
    out = tmp_path / "out.json"
    command = [
        sys.executable,
        "-c",
        f"{light}runpy.run_module('benchmarks.gpu', run_name='__main__')",
        "--tiny",
        "--out",
        out,
    ]
    environment = os.environ | {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    told, kept = json.loads(done.stdout.splitlines()[-1]), json.loads(out.read_text())
    assert told == kept and not told["left_out"]
    rows = {row["name"]: row for row in told["rows"]}
    assert not [row for row in told["rows"] if "error" in row]
    models = ("skipgram", "shared", "cbow", "shared_cbow")
    assert [rows[f"check: {model} d4"]["agrees"] for model in models] == [True] * 4
    assert list(rows)[0] == "ceiling: copy" and rows["skipgram d4"]["tokens_per_second"] > 0


def test_without_a_gpu_it_says_so():
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | {
        "CUDA_VISIBLE_DEVICES": ""
    }
    command = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "needs an NVIDIA GPU" in done.stderr


def test_the_made_text_is_as_skewed_as_it_says():
    made = make_corpus(60_000, 2000, 5000, torch.device("cpu"))
    ids = made.ids.numpy()
    assert len(ids) == 60_000 and made.offsets[-1] == 60_000 and ids.max() < 2000
    first, tenth = np.bincount(ids, minlength=2000)[[0, 9]] / len(ids)
    assert 2.5 < first / tenth < 4.5
    sizes = made.words.starts.diff().numpy()
    assert 11 < sizes.mean() < 13 and (made.words.gain.numpy() >= 1 / sizes - 1e-6).all()
    assert int(made.words.rows.max()) < made.rows


def test_its_alias_table_is_the_core_s():
    weights = np.array([50, 30, 15, 4, 1])
    for table in (alias_of(weights.astype(float)), alias_table(weights)):
        odds = table[:, 0] / 2.0**32
        share = odds + np.bincount(table[:, 1], 1 - odds, len(weights))
        np.testing.assert_allclose(share / len(weights), weights / weights.sum(), atol=1e-8)
