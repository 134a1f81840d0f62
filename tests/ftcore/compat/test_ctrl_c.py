"""Ctrl-C in a process of its own, while the native core is at work: whoever called hears of it within a second.

What is interrupted would go on for 1.5 to 25 s: chunks of wide vectors, quantisation of 500,000 rows. A call that is
done before the signal fails its test, for then nothing was tested.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ftcore

ROOT = Path(ftcore.__file__).parents[1]
SCRIPT = """
import os, sys, time
import ftcore
from ftcore.engines.cpu.engine import Cpu

def ready():
    os.write(1, b"ready\\n")

def when_entered(name):
    inner = getattr(Cpu, name)
    def outer(*args, **named):
        ready()
        return inner(*args, **named)
    setattr(Cpu, name, outer)

WIDE = dict(dim=1000, epoch=50, minCount=1, verbose=0, t=1)
folder = sys.argv[1]
text, model = f"{folder}/text.txt", f"{folder}/model.bin"
try:
    {work}
    print("done")
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""
PRETRAIN = "when_entered('pretrain_lines'); ftcore.train_unsupervised(text, model={0!r}, loss={1!r}, ws=20, neg=20, maxn=0, thread={2}, **WIDE)"
FINETUNE = "when_entered('finetune_bags'); ftcore.train_supervised(text, loss={0!r}, thread={1}, **WIDE)"
OPEN = "model = ftcore.load_model(model); "
WORK = {
    "skip-gram": PRETRAIN.format("skipgram", "ns", 1),
    "skip-gram by two threads": PRETRAIN.format("skipgram", "ns", 2),
    "skip-gram, hs": PRETRAIN.format("skipgram", "hs", 1),
    "skip-gram, softmax": PRETRAIN.format("skipgram", "softmax", 2),
    "cbow": PRETRAIN.format("cbow", "ns", 1),
    "cbow, softmax": PRETRAIN.format("cbow", "softmax", 1),
    "classifier": FINETUNE.format("softmax", 1),
    "classifier, one-vs-all, by two threads": FINETUNE.format("ova", 2),
    "reading": "lines = open(text).read().splitlines() * 40; ready(); ftcore.train_supervised(lines, verbose=0, epoch=1, dim=1)",
    "predictions": OPEN + "lines = open(text).read().splitlines() * 15; ready(); model.predict(lines, k=50)",
    "quantisation": OPEN + "ready(); model.quantize()",
    "neighbours": OPEN + "ready(); model.get_nearest_neighbors('word77')",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """text.txt: 40,000 lines of 20 words, 300 labels; model.bin: 300,000 words, 200,000 buckets."""
    place = tmp_path_factory.mktemp("ctrl-c")
    rng = np.random.default_rng(0)
    drawn = (rng.zipf(1.3, (40_000, 20)) - 1) % 3000
    lines = [f"__label__{i % 300} " + " ".join(f"word{w}" for w in row) for i, row in enumerate(drawn)]
    (place / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    many = [
        f"__label__{i % 300} " + " ".join(f"word{w}" for w in range(i, i + 100))
        for i in range(0, 300_000, 100)
    ]
    model = ftcore.train_supervised(
        many, dim=100, epoch=1, minn=2, maxn=8, bucket=200_000, verbose=0, thread=2
    )
    model.save_model(place / "model.bin")
    return place  # fmt: skip


@pytest.mark.parametrize("work", WORK)
def test_it_is_heard_within_a_second(folder: Path, work: str):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("{work}", WORK[work]), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        time.sleep(0.3)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert out.strip() not in ("", "done") and "ready" not in out, f"it was over too soon: {out}{err}"
    assert float(out) - sent < 1
    # -2: CPython remembers an interruption inside of an exec() of a string (a dataclass made by an import), and ends by
    # it at last, though it was caught (run_eval_code_obj of Python/pythonrun.c)
    assert process.returncode in (0, -signal.SIGINT) and not err, err
