"""Rows spread over processes: the same tables as where each process holds them all; a pool of negatives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ftcore.engines.setup import PretrainSetup
from ftcore.engines.sharded import part_of
from tests.ftcore.engines.small import pretraining

ROOT = Path(__file__).resolve().parents[3]


def test_two_processes_that_share_the_rows_train_the_same():
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
        "tests.ftcore.engines.sharded_run",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for found in json.loads(done.stdout.splitlines()[-1]):
        assert found["alike"], "rows that meet now and then are equal in the end"
        assert found["far"] <= 1e-5 * found["moved"], found
        assert found["losses"][0] == pytest.approx(found["losses"][1], rel=1e-6) and found["moved"] > 0.01


@pytest.mark.parametrize("loss", ["ns", "hs", "softmax"])
def test_a_part_names_all_that_its_lines_touch(loss):
    dictionary, corpus, options = pretraining(lines=40, loss=loss)
    setup = PretrainSetup.build(dictionary, options)
    part = part_of(corpus, range(5, 12), setup, 30, np.random.default_rng(0))
    ids = corpus.ids[corpus.offsets[5] : corpus.offsets[12]]
    words = part.output[part.corpus.ids] if loss != "hs" else np.unique(ids)[part.corpus.ids]
    assert words.tolist() == ids.tolist() and len(part.corpus) == 7
    for one, word in zip(part.corpus.ids[:20], ids[:20], strict=True):
        own, whole = (
            s.values[s.offsets[w] : s.offsets[w + 1]]
            for s, w in ((part.setup.subwords, one), (setup.subwords, word))
        )
        assert part.input[own].tolist() == whole.tolist()
        if loss == "hs":
            own, whole = (
                s.values[s.offsets[w] : s.offsets[w + 1]]
                for s, w in ((part.setup.targets.paths, one), (setup.targets.paths, word))
            )
            assert part.output[own].tolist() == whole.tolist()


def test_the_pool_is_drawn_by_the_weights_of_negatives():
    dictionary, corpus, options = pretraining(lines=40)
    setup = PretrainSetup.build(dictionary, options)
    sizes, drawn = setup.targets.sizes, np.zeros(setup.targets.rows)
    rng = np.random.default_rng(0)
    pool = setup.targets.rows - 1
    for _ in range(3000):
        part = part_of(corpus, range(1), setup, pool, rng)
        assert part.setup.targets.sizes.sum() == pool
        drawn[part.output] += part.setup.targets.sizes
    np.testing.assert_allclose(drawn / drawn.sum(), sizes / sizes.sum(), atol=0.01)


def test_a_classifier_is_refused():
    from ftcore.engines.sharded import Sharded
    from ftcore.errors import UserError

    with pytest.raises(UserError, match="leave shard_rows out"):
        Sharded.finetune_bags(None, None, None, None, None, None, None, None)
