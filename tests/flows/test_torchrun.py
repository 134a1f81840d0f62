"""``torchrun -m flows.pretrain``: one process runs the flow, the others take part in its training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]


def test_two_processes_train_the_vectors_of_one_flow(ready):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "flows.pretrain",
        "--config", str(ready.config), "pretrain.epoch=2",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ready.folder, env=environment, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert {"pretrain", "dictionary-pretrain"} <= {one["stage"] for one in found.get("stages", [])} or found[
        "tokens"
    ]
    assert Path(found["model"]).exists()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{ready.store / 'mlflow.db'}")
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert [run.data.tags["processes"] for run in runs if "processes" in run.data.tags] == ["2"]
    again = subprocess.run(
        [sys.executable, "-m", "flows.pretrain", "--config", str(ready.config), "pretrain.epoch=2", "--dry-run"],
        cwd=ready.folder, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert json.loads(again.stdout.splitlines()[-1])["pretrain"]["would"] == "reused"
