"""The whole pipeline with ``engine=cuda``, its kernels in Triton's interpreter: a few lines, as the GPU would."""

import os

import pytest

pytestmark = pytest.mark.flow
pytest.importorskip("triton", reason="Triton is not installed: pip install 'ftcore[cuda]'")


def test_the_pipeline_trains_with_the_cuda_engine(project, prefect_api, tools, invoke):
    tools.write_corpus(project.data, documents=6, unlabelled=1)
    done = invoke(
        "pipeline", "--config", str(project.config), "engine=cuda", "device=auto", "deterministic=false",
        "pretrain.dim=5", "pretrain.ws=1", "pretrain.neg=1", "pretrain.t=0.0002", "finetune.epoch=6", "finetune.dim=null",
        "tracking.register_model=false", "evaluate.baseline=off", "evaluate.neighbors=[]",
    )  # fmt: skip
    assert done.code == 0, done.err[-3000:]
    summary = done.summary
    assert summary["metrics"]["accuracy"] > 0.4, "three topics, guessed: a third"
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.store / 'mlflow.db'}")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    tags = [run.data.tags for run in runs if run.data.tags.get("engine")]
    assert {tag["engine"] for tag in tags} == {"cuda"} and len(tags) >= 2
    where = "interpreter" if os.environ.get("TRITON_INTERPRET") == "1" else "GPU"
    assert all(where in tag["engine.reason"] for tag in tags)


def test_files_are_scored_by_the_engine(ready, invoke):
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ["the goal of the striker won the match", "这部手机的电池和屏幕很好", "soup with butter and salt"]
    pq.write_table(pa.table({"text": texts}), ready.folder / "docs.parquet")
    words = ("--config", ready.config, "--input", ready.folder / "docs.parquet", "device=auto")
    found = []
    for engine in ("cpu", "cuda"):
        target = ready.folder / f"{engine}.parquet"
        done = invoke("predict", *words, "--output", target, f"engine={engine}")
        assert done.code == 0, done.err[-3000:]
        found.append(pq.read_table(target))
    assert found[0]["label"].to_pylist() == found[1]["label"].to_pylist()
    assert found[0]["probability"].to_pylist() == pytest.approx(found[1]["probability"].to_pylist(), rel=1e-5)
