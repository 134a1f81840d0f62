"""Whatever is called in a forked child, after the parent has used it, works or refuses at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

# The parent does every job, on two threads at least, then a child does each again; the model made by the
# parent is used there, too. A child beyond its deadline is told where it hangs and ends.
SCRIPT = """
import faulthandler, logging, multiprocessing, os, sys, tempfile, traceback
import torch
from pathlib import Path
import ftcore
from ftcore import FastText, config
from ftcore.engines.choice import choose_engine

torch.set_num_threads(max(2, torch.get_num_threads()))
texts = [f"好看 a film {i} w{i % 300}" for i in range(1200)]
pairs = [(text, i % 7) for i, text in enumerate(texts)]
lines = [f"__label__{label} {text}" for text, label in pairs]
folder = Path(sys.argv[1])
held = {}

def torch_itself():
    assert float((torch.ones(1000, 1000) @ torch.ones(1000, 1000)).exp().min()) > 1

def module():
    model = held.setdefault("module", FastText.from_texts(texts, [label for _, label in pairs], dim=64))
    model.nll_loss(model.log_prob(texts), [label for _, label in pairs]).backward()
    assert len(model.predict(texts)) == len(texts)

def reference():
    model = FastText.from_texts(texts, [label for _, label in pairs], dim=64)
    model.fit(pairs[:300], epochs=1, batch_size=64, engine=choose_engine("reference", "cpu"))

def cpu():
    model = FastText.from_texts(texts, [label for _, label in pairs], dim=64)
    model.fit(pairs, epochs=1)
    model.nearest_neighbors("film"), model.sentence_vector("a film")

def supervised():
    held.setdefault("first", ftcore.train_supervised(lines, dim=20, thread=2, wordNgrams=2, bucket=900, verbose=0))
    model = ftcore.train_supervised(lines, dim=20, thread=2, wordNgrams=2, bucket=900, verbose=0)
    for one in (model, held["first"]):
        assert len(one.predict(texts, k=2)[0]) == len(texts)
        one.test(lines), one.get_nearest_neighbors("film")
    model.quantize(dsub=2)
    model.save_model(str(folder / f"{os.getpid()}.ftz"))

def unsupervised():
    model = ftcore.train_unsupervised(lines, dim=20, thread=2, minCount=1, bucket=900, verbose=0)
    model.get_nearest_neighbors("film")
    model.save_vectors(folder / f"{os.getpid()}.vec")

def pools():
    from ftcore.base.workers import Pool
    with_workers = held.setdefault("pool", Pool(2))
    if os.getpid() == parent:
        assert with_workers.run("json:dumps", [1]) == "[1]"
    else:  # the parent's is refused at once, and left to it
        try:
            with_workers.run("json:dumps", [1])
        except RuntimeError:
            with_workers.close()
        else:
            raise AssertionError("a pool without threads answered")
    own = Pool(2)
    assert own.run("json:dumps", [2]) == "[2]"
    own.close()

def answers(text):
    return held["first"].predict(text)[0], held["module"].predict([text])[0].labels

def fork_pool():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert len(pool.map(answers, texts[:8])) == 8

parent = os.getpid()
jobs = [torch_itself, module, reference, cpu, supervised, unsupervised, pools]
for job in jobs:
    job()
failed = []
for job in [*jobs, fork_pool]:
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(int(sys.argv[2]), exit=True)
        try:
            job()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(job.__name__)
assert held["pool"].run("json:dumps", [3]) == "[3]"  # a child's end is not the parent's
held["pool"].close()
print("failed:", failed)
"""


def test_everything_works_in_a_forked_child(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    deadline = "150" if os.getloadavg()[0] > 4 else "40"  # a child needs two seconds where nobody else works
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), deadline],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=580,
    )  # fmt: skip
    assert "failed: []" in done.stdout, done.stdout + done.stderr[-4000:]
