"""`ftcore store`: what lies there, how much, why, and what goes on request."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from ftcore.base.holdings import holdings_of, size
from ftcore.cli import main
from ftcore.config import parse_config
from ftcore.shards.holdings import prepared_holdings
from ftcore.shards.whole import prepare_corpus
from tasks.reuse import StageSpec, run_stage
from tasks.store import Store
from tests.ftcore.shards.test_whole import corpus


def test_a_file_with_two_names_counts_where_it_is_needed(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own").write_bytes(b"x" * 10)
    (tmp_path / "old" / "shared").write_bytes(b"y" * 1000)
    os.link(tmp_path / "old" / "shared", tmp_path / "new" / "shared")
    found = holdings_of([(tmp_path / "old", "commit", ""), (tmp_path / "new", "commit", "in use")])
    assert [h.bytes for h in found] == [10, 1010], "what its removal frees"
    assert size(tmp_path) == 1020 and size(tmp_path / "old" / "own") == 10


def test_packs_stay_as_long_as_their_set(tmp_path, capsys):
    tree, out = corpus(tmp_path / "data", files=3, lines=30), tmp_path / "shards"
    prepare_corpus(parse_config(tree), out)
    work = tmp_path / "shards.prepared"

    def asked(*words):
        assert main(["store", str(out), *words]) == 0
        return json.loads(capsys.readouterr().out)

    packs = [path for path in work.iterdir() if path.is_dir()]
    of_packs = sum(size(path) for path in packs)
    whole = size(out) + of_packs
    assert asked("--free") == {"store": str(out), "bytes": whole, "freed": 0}
    for name, days in (("killed", 1), ("long ago", 30)):  # what calls that did not end prepared
        shutil.copytree(packs[0], work / name)
        then = time.time() - 86_400 * days
        os.utime(work / name, (then, then))
    by_name = {h.path.name: h.why for h in prepared_holdings(out)}
    assert by_name["killed"] == "unfinished, 1 days old" and by_name["long ago"] == ""
    assert (
        asked()["unneeded"] == asked("--free")["freed"] == size(packs[0]) and not (work / "long ago").exists()
    )
    shutil.rmtree(out)  # the set is given up: what it was made of goes
    (tmp_path / "shards").mkdir()
    assert asked("--free")["freed"] == of_packs
    assert [path.name for path in work.iterdir() if path.is_dir()] == ["killed"]


def test_the_pipelines_store_is_shown_by_the_same_command(tmp_path, capfd):
    store = Store(str(tmp_path / "store"))

    def work(out: Path, _scratch: Path) -> None:
        (out / "a.bin").write_bytes(b"x" * 1000)

    for number in range(5):
        run_stage(
            store, StageSpec("commit", {}, {"n": number}, ("ftcore.errors",), configuration="mine"), work
        )
    with pytest.raises(SystemExit) as ended:
        main(["store", str(store.path), "--free", "--keep", "2"])
    said = capfd.readouterr()
    assert ended.value.code == 0 and "mine, 1 before" in said.err
    assert (
        json.loads(said.out.splitlines()[-1])["freed"] > 3000
        and len(list(store.stages.glob("commit/*/a.bin"))) == 2
    )
    assert main(["store", str(tmp_path)]) == 1 and "neither a pipeline's store" in capfd.readouterr().err
