"""Files elsewhere, against servers that the tests start: read, resumed, refused, and never a secret in a word."""

from __future__ import annotations

import gzip
import json
import logging
import random
import time
from pathlib import Path

import pytest

from ftcore.base.addresses import holds_secret, is_remote, shown
from ftcore.config import Ingest, Source, parse_config
from ftcore.errors import InvalidOptions, UserError
from ftcore.reading import fetched, remote
from ftcore.reading.sources import cut_file, list_files, source_names
from ftcore.shards.manifest import load_manifest
from ftcore.shards.whole import prepare_corpus
from tests.servers import BreakingProxy, FileServer, hub, running

pytest.importorskip("aiohttp", reason="the extra http")


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, and no waiting."""
    monkeypatch.setenv("FTCORE_FETCHED", str(tmp_path / "fetched"))
    monkeypatch.setattr(remote, "WAIT", 0.001)
    monkeypatch.setattr(fetched, "PIECE", 1 << 16)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def write_documents(path: Path, documents: int, seed: int = 0) -> None:
    """Lines of JSON that hardly shrink when packed."""
    rng = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"text": f"document {n} of 文件 {rng.getrandbits(400):x}"} for n in range(documents)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def prepared(path: str, out: Path, data: str = ".", **source: object):
    tree = {"data": data, "ingest": {"sources": [{"path": path, "name": "docs", **source}]}, "workers": 1}
    return prepare_corpus(parse_config(tree), out)


def refused(path: str, out: Path, **source: object) -> str:
    with pytest.raises(UserError) as error:
        prepared(path, out, **source)
    return str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_documents(tmp_path / "www" / "a.jsonl.gz", 3000)
    write_documents(tmp_path / "www" / "sub" / "b.jsonl", 200, seed=1)
    (tmp_path / "www" / "README.md").write_text("no documents\n")
    return tmp_path / "www"


@pytest.fixture
def here(folder: Path, tmp_path: Path) -> str:
    """What the same files on the disk give."""
    return prepared(str(folder / "a.jsonl.gz"), tmp_path / "here").digest


def test_over_http_as_from_the_disk(folder, here, tmp_path):
    server = FileServer(folder)
    with running(server) as address:
        assert prepared(f"{address}/a.jsonl.gz", tmp_path / "out").digest == here
        gets = server.asked["GET"]
        assert gets == 1 and prepared(f"{address}/a.jsonl.gz", tmp_path / "out").digest == here
        assert server.asked["GET"] == gets, "what is in the cache and unchanged is not fetched again"
        assert prepared(f"{address}/*.gz", tmp_path / "out").digest == here
        assert prepared("a.jsonl.gz", tmp_path / "out", data=address).digest == here
        found = list_files(Ingest(sources=[Source(path=f"{address}/")]), ".")
        assert sorted(f.relative for f in found) == ["a.jsonl.gz", "sub/b.jsonl"]
        write_documents(folder / "a.jsonl.gz", 10, seed=2)
        assert prepared(f"{address}/a.jsonl.gz", tmp_path / "out").rows == 10
    manifest = json.dumps(load_manifest(tmp_path / "out").__dict__, default=str)
    assert "fetched" not in manifest


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_is_gone_on_with(folder, here, tmp_path, ranges):
    server = FileServer(folder)
    server.ranges = ranges
    size = (folder / "a.jsonl.gz").stat().st_size
    with running(server) as address:
        proxy = BreakingProxy(address, size // 3, 2, pause=0.3)
        assert prepared(f"{proxy.address}/a.jsonl.gz", tmp_path / "out").digest == here
        assert proxy.broken == 2 and (server.ranged >= 1) is ranges
        proxy.close()


def test_what_has_come_is_kept_for_the_next_call(folder, tmp_path, monkeypatch):
    server = FileServer(folder)
    write_documents(folder / "a.jsonl.gz", 20_000)
    here = prepared(str(folder / "a.jsonl.gz"), tmp_path / "here").digest
    size = (folder / "a.jsonl.gz").stat().st_size
    with running(server) as address:
        proxy = BreakingProxy(address, size // 2, 1, pause=1.0)
        monkeypatch.setattr(remote, "TRIES", 1)
        said = refused(f"{proxy.address}/a.jsonl.gz", tmp_path / "out")
        assert "what has come is kept" in said and proxy.address in said
        part = next((tmp_path / "fetched").glob("*/content.part"))
        assert 0 < part.stat().st_size < size
        assert prepared(f"{proxy.address}/a.jsonl.gz", tmp_path / "out").digest == here
        assert server.ranged == 1 and not part.exists()
        proxy.close()


def test_a_busy_server_is_asked_again_and_given_up(folder, here, tmp_path):
    server = FileServer(folder)
    with running(server) as address:
        server.failures = 3
        assert prepared(f"{address}/a.jsonl.gz", tmp_path / "out").digest == here
        server.failures = 10**9
        said = refused(f"{address}/sub/b.jsonl", tmp_path / "out")
        assert "503" in said and "tries" in said and f"{address}/sub/b.jsonl" in said


def test_refusals_name_the_remedy_and_no_secret(folder, here, tmp_path, monkeypatch, caplog):
    server = FileServer(folder)
    server.token = "open-sesame"
    caplog.set_level(logging.DEBUG, "ftcore")
    with running(server) as address:
        said = refused(f"{address}/a.jsonl.gz", tmp_path / "out")
        assert "access refused" in said and "401" in said and "credentials" in said
        monkeypatch.setenv("DOCS_TOKEN", "wrong-word")
        said = refused(f"{address}/a.jsonl.gz", tmp_path / "out", credentials="env:DOCS_TOKEN")
        assert "access refused" in said and "wrong-word" not in said
        monkeypatch.setenv("DOCS_TOKEN", "open-sesame")
        assert (
            prepared(f"{address}/a.jsonl.gz", tmp_path / "out", credentials="env:DOCS_TOKEN").digest == here
        )
        assert "no such variable" in refused(
            f"{address}/a.jsonl.gz", tmp_path / "out", credentials="env:NONE"
        )
        assert "which flows read" in refused(
            f"{address}/a.jsonl.gz", tmp_path / "out", credentials="secret/x"
        )
        assert "no such file or folder" in refused(
            f"{address}/none.gz", tmp_path / "out", credentials="env:DOCS_TOKEN"
        )
    written = [p for place in ("out", "fetched") for p in (tmp_path / place).rglob("*") if p.is_file()]
    assert written and not [p for p in written if b"open-sesame" in p.read_bytes()]
    assert "open-sesame" not in caplog.text


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://me:pw@host/a.txt", "https://host/a.txt"),
        ("https://host/a.txt?X-Amz-Signature=1&v=2#x", "https://host/a.txt?v=2"),
        ("https://host/a.txt?access_token=1", "https://host/a.txt"),
        ("s3://key:secret@bucket/a", "s3://bucket/a"),
    ],
)
def test_an_address_with_a_secret_is_refused_unseen(address, seen):
    assert is_remote(address) and holds_secret(address) and shown(address) == seen
    with pytest.raises(InvalidOptions) as error:
        parse_config({"ingest": {"sources": [{"path": address}]}})
    assert seen in str(error.value) and address not in str(error.value)
    with pytest.raises(InvalidOptions):
        parse_config({"data": address})


@pytest.mark.parametrize(
    "address", ["https://host/a@b.txt?page=2", "hf://datasets/a/b@main/c.txt", "s3://bucket/a@b/c=d"]
)
def test_other_addresses_stay_as_they_are(address):
    assert is_remote(address) and not holds_secret(address)
    assert parse_config({"ingest": {"sources": [{"path": address}]}}).ingest.sources[0].path == address


def test_names_of_sources_come_from_their_addresses():
    paths = [
        "https://host/data/train.jsonl.gz?v=1",
        "s3://bucket/zh/**/*.txt",
        "hf://datasets/a/b/test.parquet",
    ]
    assert source_names(Ingest(sources=[Source(path=p) for p in paths])) == ["train", "zh", "test"]


def test_an_unknown_protocol_and_a_missing_package_say_so(tmp_path, monkeypatch):
    assert "unknown protocol nope://" in refused("nope://a/b.txt", tmp_path / "out")

    def missing(*_, **__):
        raise ImportError

    monkeypatch.setattr("fsspec.filesystem", missing)
    assert 'pip install "ftcore[s3]"' in refused("s3://bucket/b.txt", tmp_path / "out")


def test_a_file_that_changes_while_it_comes(folder, tmp_path, monkeypatch):
    server = FileServer(folder)
    original = fetched._stream

    def slow(*given):
        original(*given)
        write_documents(folder / "a.jsonl.gz", 7, seed=9)

    monkeypatch.setattr(fetched, "_stream", slow)
    with running(server) as address:
        assert "changed while being fetched" in refused(f"{address}/a.jsonl.gz", tmp_path / "out")
        monkeypatch.setattr(fetched, "_stream", original)
        assert prepared(f"{address}/a.jsonl.gz", tmp_path / "out").rows == 7


def test_the_cache_keeps_its_bound_and_what_is_in_use(tmp_path):
    for n in range(6):
        write_documents(tmp_path / "www" / f"{n}.jsonl", 500, seed=n)
    size = (tmp_path / "www" / "0.jsonl").stat().st_size
    server = FileServer(tmp_path / "www")
    with running(server) as address:
        limit = int(2.5 * size)
        with fetched.on_disk(f"{address}/0.jsonl", limit=limit) as held:
            for n in range(1, 6):
                with fetched.on_disk(f"{address}/{n}.jsonl", limit=limit) as path:
                    assert Path(path).read_bytes() == (tmp_path / "www" / f"{n}.jsonl").read_bytes()
                    time.sleep(0.01)
            assert Path(held).read_bytes() == (tmp_path / "www" / "0.jsonl").read_bytes()
        kept = list((tmp_path / "fetched").glob("*/content"))
        assert len(kept) == 2
        tree = {"ingest": {"sources": [{"path": f"{address}/*.jsonl"}], "cache_bytes": limit}, "workers": 2}
        assert prepare_corpus(parse_config(tree), tmp_path / "out").rows == 3000
        files = list_files(parse_config(tree).ingest, ".")
        gets = server.asked["GET"]
        assert sum(len(cut_file(file, parse_config(tree).ingest)) for file in files) == 6
        assert server.asked["GET"] == gets, "what had to go is known by its version"
        here = {"ingest": {"sources": [{"path": str(tmp_path / "www")}]}, "workers": 1}
        there = prepare_corpus(parse_config(here), tmp_path / "here")
        names = ("rows", "read", "documents")
        one, other = load_manifest(tmp_path / "out"), load_manifest(there.path)
        assert [getattr(one, n) for n in names] == [getattr(other, n) for n in names]


def test_over_the_hub_with_a_token_and_a_broken_connection(folder, here, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub", reason="the extra hf")
    write_documents(tmp_path / "hub" / "owner" / "set" / "train" / "a.jsonl.gz", 3000)
    server = hub(tmp_path / "hub")
    server.token = "hf_secret"
    with running(server) as address:
        proxy = BreakingProxy(address, 100_000, 2)
        monkeypatch.setenv("HF_ENDPOINT", proxy.address)
        monkeypatch.setenv("HF_TOKEN", "hf_wrong")
        said = refused("hf://datasets/owner/set/train/*.jsonl.gz", tmp_path / "out")
        assert "refused" in said and "HF_TOKEN" in said and "hf_wrong" not in said
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        assert prepared("hf://datasets/owner/set/train/*.jsonl.gz", tmp_path / "out").digest == here
        assert proxy.broken == 2
        assert "no such" in refused("hf://datasets/owner/none/a.jsonl", tmp_path / "out2")
        proxy.close()
