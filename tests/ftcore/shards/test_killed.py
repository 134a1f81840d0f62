"""``ftcore prepare`` ended by kill -9 at 20 random moments, from nothing and over an earlier set; then the same command."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ftcore.config import parse_config
from ftcore.shards.manifest import load_manifest
from ftcore.shards.whole import prepare_corpus
from tests.ftcore.shards.test_whole import corpus


def command(tree, out):
    """The command line of it, in two processes."""
    return [sys.executable, "-m", "ftcore.cli", "prepare", "--config", tree, "--out", str(out)]


@pytest.mark.kill
def test_20_random_moments(tmp_path):
    tree = corpus(tmp_path / "data", files=30, lines=600) | {"workers": 2, "shards": {"rows": 1500}}
    tree["filters"] = {"dedup": "near"}
    (tmp_path / "corpus.yaml").write_text(json.dumps(tree))
    earlier = prepare_corpus(parse_config(tree), tmp_path / "earlier")
    changed = sorted((tmp_path / "data").glob("*.jsonl"))[7]
    changed.write_text(changed.read_text(encoding="utf-8").replace("document", "paper"), encoding="utf-8")
    begin = time.perf_counter()
    assert subprocess.run(command(tmp_path / "corpus.yaml", tmp_path / "whole")).returncode == 0
    seconds = time.perf_counter() - begin
    expected = load_manifest(tmp_path / "whole").digest
    assert expected != earlier.digest
    draw, killed = random.Random(12), 0
    for number in range(20):
        out = tmp_path / f"out{number}"
        if number % 2:  # an earlier set is there, and what it was made of
            for behind in ("", ".prepared"):
                shutil.copytree(f"{tmp_path / 'earlier'}{behind}", f"{out}{behind}")
        moment = draw.uniform(0.2, 1) * seconds * (0.5 if number % 2 else 1)
        process = subprocess.Popen(command(tmp_path / "corpus.yaml", out), stderr=subprocess.DEVNULL)
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -9
        if out.exists():
            assert load_manifest(out).digest in (earlier.digest, expected), (
                "a set is whole, the old or the new"
            )
        assert (
            subprocess.run(command(tmp_path / "corpus.yaml", out), stderr=subprocess.DEVNULL).returncode == 0
        )
        assert load_manifest(out).digest == expected, moment
        assert not [p.name for p in tmp_path.rglob(".ftcore-tmp-*")], "no litter"
        shutil.rmtree(out)
        shutil.rmtree(f"{out}.prepared")
    assert killed >= 10
