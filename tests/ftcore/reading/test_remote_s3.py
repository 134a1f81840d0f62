"""``s3://`` against a real server of its protocol (moto's): read, written, broken off, refused."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore.cli import main
from ftcore.config import parse_config
from ftcore.errors import UserError
from ftcore.reading import fetched, remote
from ftcore.shards.elsewhere import prepare_elsewhere, shards_here
from ftcore.shards.whole import prepare_corpus
from tests.ftcore.reading.test_remote import write_documents
from tests.servers import BreakingProxy, s3, s3_environment

pytest.importorskip("s3fs", reason="the extra s3")
pytest.importorskip("moto.server", reason="moto[s3], flask, flask-cors")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3() as address:
        yield address


def tell(server: str, what: str, value: str = "") -> None:
    """One of moto's own commands."""
    address, kind = f"{server}/moto-api/{what}", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(address, value.encode(), kind, method="POST")).close()


@pytest.fixture
def bucket(server, tmp_path, monkeypatch) -> Iterator[tuple[str, Path]]:
    """A bucket with a prefix of documents, the same files on the disk, and keys in the environment."""
    import boto3

    monkeypatch.setenv("FTCORE_FETCHED", str(tmp_path / "fetched"))
    monkeypatch.setattr(remote, "WAIT", 0.001)
    monkeypatch.setattr(fetched, "PIECE", 1 << 16)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_environment(server, tmp_path).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="corpus")
    folder = tmp_path / "disk"
    write_documents(folder / "zh" / "a.jsonl.gz", 3000)
    write_documents(folder / "zh" / "deep" / "b.jsonl", 500, seed=1)
    (folder / "zh" / "notes.md").write_text("no documents\n")
    for path in folder.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "corpus", path.relative_to(folder).as_posix())
    yield "s3://corpus", folder
    tell(server, "reset-auth", "inf")
    tell(server, "reset")


def prepared(path: str, out: Path | str, **options: object):
    tree = {"ingest": {"sources": [{"path": path, "name": "docs"}], **options}, "workers": 1}
    return prepare_corpus(parse_config(tree), out)


def test_objects_folders_and_patterns(bucket, tmp_path):
    address, folder = bucket
    here = prepared(str(folder / "zh"), tmp_path / "here").digest
    assert prepared(f"{address}/zh", tmp_path / "out").digest == here
    assert prepared(f"{address}/zh/", tmp_path / "out").digest == here
    assert prepared(f"{address}/zh/**/*.jsonl*", tmp_path / "out").digest == here
    assert prepared(f"{address}/zh/*.gz", tmp_path / "out").rows == 3000
    assert prepared(f"{address}/zh/deep/b.jsonl", tmp_path / "out", part_bytes=10_000).rows == 500
    with pytest.raises(UserError, match="no such file or folder: s3://corpus/none"):
        prepared(f"{address}/none", tmp_path / "out")
    with pytest.raises(UserError, match="no such file or folder: s3://nowhere/a"):
        prepared("s3://nowhere/a", tmp_path / "out")


def test_a_connection_that_breaks_in_mid_file(bucket, server, tmp_path, monkeypatch):
    address, folder = bucket
    here = prepared(str(folder / "zh"), tmp_path / "here").digest
    proxy = BreakingProxy(server, 30_000, 4)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    assert prepared(f"{address}/zh", tmp_path / "out").digest == here
    assert proxy.broken == 4
    proxy.close()


def test_wrong_credentials(bucket, server, tmp_path, monkeypatch, caplog):
    import boto3

    iam = boto3.client("iam")
    iam.create_user(UserName="reader")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    tell(server, "reset-auth", "0")  # from now on it looks at keys
    address, _ = bucket
    with pytest.raises(UserError) as error:
        prepared(f"{address}/zh", tmp_path / "out")
    said = str(error.value)
    assert "s3://corpus/zh: access refused" in said and "AWS_ACCESS_KEY_ID" in said
    assert "any-secret" not in said and "any-secret" not in caplog.text
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    assert prepared(f"{address}/zh/deep/b.jsonl", tmp_path / "out").rows == 500
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match="access refused"):
        prepared(f"{address}/zh", tmp_path / "out")
    given = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    monkeypatch.setenv("READER", json.dumps(given))
    tree = {"ingest": {"sources": [{"path": f"{address}/zh", "credentials": "env:READER"}]}, "workers": 2}
    shards = prepare_corpus(parse_config(tree), tmp_path / "out")
    assert shards.rows == 3500
    written = [p for place in ("out", "fetched") for p in (tmp_path / place).rglob("*") if p.is_file()]
    assert written and not [p for p in written if key["SecretAccessKey"].encode() in p.read_bytes()]


def test_shards_are_written_and_read_again(bucket, server, tmp_path, monkeypatch, capsys):
    import boto3

    address, folder = bucket
    tree = {"ingest": {"sources": [{"path": f"{address}/zh", "name": "docs"}]}, "workers": 1}
    here = prepared(str(folder / "zh"), tmp_path / "here")
    (tmp_path / "c.yaml").write_text(json.dumps(tree))
    words = ["prepare", "--config", str(tmp_path / "c.yaml"), "--out", "s3://corpus/shards"]
    assert main(words) == 0
    assert here.digest[:16] in capsys.readouterr().out
    assert main(["inspect", "s3://corpus/shards"]) == 0 and "3,500" in capsys.readouterr().out
    client = boto3.client("s3")

    def there() -> dict[str, bytes]:
        found = client.list_objects_v2(Bucket="corpus", Prefix="shards/")["Contents"]
        return {o["Key"]: client.get_object(Bucket="corpus", Key=o["Key"])["Body"].read() for o in found}

    written = there()
    manifest = json.loads(written["shards/manifest.json"])
    assert manifest["rows"] == 3500 and any(name.endswith(".parquet") for name in written)
    for entry in manifest["shards"]:
        assert hashlib.sha256(written[f"shards/{entry['file']}"]).hexdigest() == entry["sha256"]
    # another corpus takes its place, over a connection that breaks
    proxy = BreakingProxy(server, 200, 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    other = prepare_elsewhere(parse_config(tree | {"shards": {"rows": 1000}}), "s3://corpus/shards")
    proxy.close()
    again = there()
    assert other.path == "s3://corpus/shards" and len(again) > len(written)
    assert json.loads(again["shards/manifest.json"])["rows"] == 3500
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    prepare_elsewhere(parse_config(tree), "s3://corpus/shards")
    assert there().keys() == written.keys(), "what the set before had more goes"
    for out, says in (("s3://corpus/zh", "something else than shards"), ("s3://nowhere/x", "no such bucket")):
        with pytest.raises(UserError, match=says):
            prepare_elsewhere(parse_config(tree), out)
    with pytest.raises(UserError, match="nothing can be written over http"):
        prepare_elsewhere(parse_config(tree), f"{server}/x")
    with pytest.raises(UserError, match="no shards there"), shards_here(f"{address}/zh"):
        pass
