"""Several processes, one training: the loss of one process, a lost worker, another number of processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ftcore.errors import UserError
from ftcore.training.conditions import Conditions
from ftcore.training.together import leave, together

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, os, signal, sys
from ftcore.config import Finetune, Pretrain
from ftcore.engines.choice import choose_engine
from ftcore.training import pretrain
from ftcore.training.checkpoints import Checkpoint
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from ftcore.training.together import together
from tests.ftcore.engines.small import corpus_lines

kind, dies, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines, labels = corpus_lines(2000)
if kind == "words":
    options = Pretrain(dim=8, min_count=1, minn=1, maxn=3, ws=3, t=0.1, bucket=500, epoch=3, updates="exact")
    documents = Tokenized.of(lines)
else:
    options, documents = Finetune(dim=8, lr=0.3, epoch=3), Tokenized.of(lines, [one[:1] for one in labels])


def die(progress):
    if progress.epoch == 1 and not progress.epoch_end and rank == dies:
        os.kill(os.getpid(), signal.SIGKILL)


rank = int(os.environ["RANK"])
conditions = Conditions(choose_engine("cpu", "cpu"), 3, checkpoint=Checkpoint(folder, seconds=0), parts=4)
with together(conditions, seconds=60) as (ours, first):
    if not first:
        ours = type(ours)(**(vars(ours) | {"listeners": [die]}))
    model, result = learn(documents, options, ours)
    if first:
        history = [one["loss"] for one in result.history]
        print(json.dumps({"loss": history, "tokens": result.tokens, "resumed": result.resumed}))
"""


def start(processes: int, *arguments: object) -> list[subprocess.Popen]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    shared = {
        "WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": ROOT,
        "OMP_NUM_THREADS": 1,
    }  # fmt: skip
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return [
        subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {name: str(value) for name, value in (shared | {"RANK": rank, "LOCAL_RANK": rank}).items()},
        )
        for rank in range(processes)
    ]  # fmt: skip


def finish(started: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    done = [one.communicate(timeout=300) for one in started]
    return [(one.returncode, *told) for one, told in zip(started, done, strict=True)]


def trained(processes: int, kind: str, folder: Path) -> dict:
    done = finish(start(processes, kind, -1, folder))
    assert [code for code, *_ in done] == [0] * processes, done
    return json.loads(done[0][1].splitlines()[-1])


@pytest.mark.parametrize(
    ("kind", "processes"),
    [
        ("words", 2),
        pytest.param("words", 4, marks=pytest.mark.slow),
        pytest.param("labels", 2, marks=pytest.mark.slow),
    ],
)
def test_several_processes_reach_the_loss_of_one(tmp_path, kind, processes):
    one, several = (trained(n, kind, tmp_path / str(n)) for n in (1, processes))
    assert several["tokens"] == one["tokens"] and not several["resumed"]
    # in a tiny text every word is met by all, so that each step is a mean: slower, yet there
    assert several["loss"][-1] == pytest.approx(one["loss"][-1], rel=0.1, abs=0.01)


@pytest.mark.slow
def test_a_killed_worker_ends_all_and_others_go_on_from_its_checkpoint(tmp_path):
    whole = trained(2, "words", tmp_path / "whole")
    killed, other = finish(start(2, "words", 1, tmp_path / "kept"))[::-1]
    assert killed[0] == -signal.SIGKILL
    assert other[0] not in (0, -signal.SIGKILL)
    assert "lost another one" in other[2] and "goes on from its checkpoint" in other[2]
    assert (tmp_path / "kept" / "checkpoint.json").is_file()
    after = trained(4, "words", tmp_path / "kept")
    assert after["resumed"] and after["tokens"] == whole["tokens"]
    assert after["loss"][0] == whole["loss"][0], "the first epoch was two processes' both times"
    assert after["loss"][-1] == pytest.approx(whole["loss"][-1], rel=0.1)


def test_nobody_leaves_before_the_last_has_come_to_the_end():
    import torch.distributed as dist

    store, gone = dist.HashStore(), []
    other = threading.Thread(target=lambda: (leave(store, 1, 2), gone.append(1)))
    other.start()
    other.join(0.2)
    assert other.is_alive() and not gone
    leave(store, 0, 2)
    other.join(10)
    assert gone == [1]
    leave(dist.HashStore(), 0, 2, seconds=0.1)  # the other was killed after the last meeting: no error


def test_without_torchrun_it_says_how_to_start(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    from ftcore.engines.choice import choose_engine

    with (
        pytest.raises(UserError, match="torchrun --nproc-per-node"),
        together(Conditions(choose_engine("cpu", "cpu"))),
    ):
        pass
