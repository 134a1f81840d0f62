"""A run over files elsewhere: fetched, reused, its credentials from a block and in nothing that it leaves."""

from __future__ import annotations

import pytest

from tests.servers import FileServer, running

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
