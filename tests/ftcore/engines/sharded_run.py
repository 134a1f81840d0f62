"""Two processes over whole tables, then over tables whose rows are spread: for `test_sharded`, started by torchrun."""

import hashlib
import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import torch.distributed as dist

from ftcore.config import Pretrain
from ftcore.engines.averaged import Averaged
from ftcore.engines.choice import choose_engine
from ftcore.engines.sharded import Sharded
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from ftcore.training.together import together
from tests.ftcore.engines.small import corpus_lines

lines, _ = corpus_lines(300)
found = []
for name, loss in (("cpu", "hs"), ("cpu", "ns"), ("reference", "softmax")):
    options = Pretrain(
        dim=6, min_count=1, minn=1, maxn=3, ws=2, t=0.1, bucket=300, epoch=1, updates="exact", loss=loss
    )
    made = []
    for kind in (partial(Averaged, updates=0), Sharded, Averaged):  # the first two: all rows in each meeting
        conditions = Conditions(choose_engine(name, "cpu"), 3, parts=2)
        with together(conditions, seconds=60, tokens=1500) as (ours, first):
            engine = kind(ours.engine.engine, 1500)
            model, result = learn(Tokenized.of(lines), options, replace(ours, engine=engine))
            made.append((np.array(model.input), np.array(model.output), result.history[-1]["loss"]))
            if kind is Averaged:
                digests: list[str | None] = [None, None]
                mine = hashlib.sha256(made[-1][0].tobytes() + made[-1][1].tobytes()).hexdigest()
                dist.all_gather_object(digests, mine)
    far = max(float(np.abs(a - b).max()) for a, b in zip(made[0][:2], made[1][:2], strict=True))
    found.append(
        {
            "loss": loss,
            "far": far,
            "alike": digests[0] == digests[1],
            "moved": float(np.abs(made[0][1]).max()),
            "losses": [one[2] for one in made],
        }
    )
if first:
    print(json.dumps(found))
sys.exit(0)
