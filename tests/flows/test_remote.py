"""A run over files elsewhere: fetched, reused, its credentials from a block and in nothing that it leaves."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.servers import FileServer, running, s3, s3_environment

pytest.importorskip("aiohttp", reason="the extra http")
pytestmark = pytest.mark.flow
WORD = "open-sesame-of-a-block"


def test_a_run_over_http_with_a_block(project, prefect_api, invoke, monkeypatch, tmp_path):
    from prefect.blocks.system import Secret

    monkeypatch.setenv("FTCORE_FETCHED", str(tmp_path / "fetched"))
    Secret(value=WORD).save("readers-of-docs", overwrite=True)
    server = FileServer(project.data)
    server.token = WORD
    with running(server) as address:
        tree = project.tree()
        tree["data"] = address
        for source in tree["ingest"]["sources"]:
            source["credentials"] = "secret/readers-of-docs"
        here = invoke("prepare", "--config", project.config)
        project.write(tree)
        done = invoke("prepare", "--config", project.config)
        assert done.code == 0 and done.summary["rows"] == here.summary["rows"], done.err
        gets = server.asked["GET"]
        again = invoke("prepare", "--config", project.config)
        assert again.code == 0 and server.asked["GET"] == gets, again.err
        assert "reused" in again.err and "recomputed" not in again.err
        tree["ingest"]["sources"][0]["credentials"] = "secret/no-such-block"
        project.write(tree)
        refused = invoke("prepare", "--config", project.config)
        assert refused.code == 1 and "no such Prefect block" in " ".join(refused.err.split())
    for folder in (project.store, tmp_path / "fetched"):
        left = [p for p in folder.rglob("*") if p.is_file() and WORD.encode() in p.read_bytes()]
        assert not left
    assert WORD not in here.err + done.err + again.err + done.out


def test_a_whole_pipeline_over_s3(project, prefect_api, invoke, monkeypatch, tmp_path):
    """From a bucket to a registered model: the shards are those of the files here, the page quotes raw texts."""
    pytest.importorskip("s3fs", reason="the extra s3")
    pytest.importorskip("moto.server", reason="moto[s3], flask, flask-cors")
    import boto3

    monkeypatch.setenv("FTCORE_FETCHED", str(tmp_path / "fetched"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    here = invoke("prepare", "--config", project.config)
    with s3() as address:
        for name, value in s3_environment(address, tmp_path).items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="corpus")
        for path in sorted(p for p in project.data.rglob("*") if p.is_file()):
            client.upload_file(str(path), "corpus", path.relative_to(project.data).as_posix())
        project.write(project.tree() | {"data": "s3://corpus"})
        done = invoke("pipeline", "--config", project.config)
        assert done.code == 0 and done.summary["model_uri"] == "models:/tiny/1", done.err
        manifest = json.loads((Path(here.summary["shards"]) / "manifest.json").read_bytes())
        shards = sorted((project.store / "stages" / "commit").glob("*/shards/manifest.json"))
        assert {json.dumps(json.loads(p.read_bytes())["shards"]) for p in shards} == {
            json.dumps(manifest["shards"])
        }
        page = Path(done.summary["report"]).read_text(encoding="utf-8")
        assert "s3://corpus" in json.dumps(project.tree()) and "raw text was not found" not in done.err
        assert "any-secret" not in page + done.err + done.out
        assert "fetched" in _log_of_the_last_run(prefect_api), (
            "what a thread fetches is told on the run's page"
        )


def _log_of_the_last_run(api: str) -> str:
    """The log of the newest flow run, as the server has it."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        for _ in range(50):  # logs travel in batches
            (run,) = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
            found = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])), limit=200)
            text = "\n".join(log.message for log in found)
            if "fetched" in text:
                return text
            time.sleep(0.2)
    return text
