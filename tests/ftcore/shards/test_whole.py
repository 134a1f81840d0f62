"""`ftcore prepare` and `ftcore inspect`: the walk of the pipeline without one, killed and begun again."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftcore.cli import main
from ftcore.config import parse_config
from ftcore.errors import UserError
from ftcore.report.shards_page import render_shards
from ftcore.shards.look import look_at
from ftcore.shards.manifest import load_manifest
from ftcore.shards.whole import CorpusProgress, prepare_corpus
from tests.ftcore.shards.test_commit import options_of as commit_options_of
from tests.ftcore.shards.test_commit import whole


def corpus(folder: Path, files: int = 6, lines: int = 400) -> dict:
    """A few files in both languages, with a copy, a broken line and a document for the eye of HTML."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        rows = [
            {"text": f"第{n}份文件 在文件夹{number}里，说 document {n % 97}", "label": "ab"[n % 2]}
            for n in range(lines)
        ]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, rows[0]])
        (folder / f"{number}.jsonl").write_text(text + "{broken\n", encoding="utf-8")
    (folder / "x.jsonl").write_text('{"text": "<script>x</script> a<b & \\"c\\"", "label": "a"}\n')
    source = {"path": "*.jsonl", "name": "docs", "label": "label"}
    return {"data": str(folder), "ingest": {"sources": [source], "part_bytes": 20_000}, "workers": 1}


def test_it_is_the_walk_of_the_pipeline(tmp_path):
    tree = corpus(tmp_path / "data")
    told: list[CorpusProgress] = []
    shards = prepare_corpus(parse_config(tree), tmp_path / "shards", told.append)
    ingest = {"part_bytes": 20_000}
    expected = whole(
        tmp_path / "data", commit_options_of(tmp_path / "data", *tree["ingest"]["sources"], ingest=ingest)
    )
    assert shards.digest == expected.digest
    last = told[-1]
    assert (
        last.packs[0] == last.packs[1] == len(told) > 3 and last.bytes[0] == last.bytes[1] and last.left == 0
    )
    assert last.documents == load_manifest(shards.path).read and last.rejects == 6 and last.reused == 0
    again = prepare_corpus(parse_config(tree | {"workers": 2}), tmp_path / "shards", told.append, keep=False)
    assert again == shards and told[-1].reused == last.packs[1] and again.made == 0
    assert not (tmp_path / "shards.prepared").exists()
    again = prepare_corpus(parse_config(tree | {"workers": 2}), tmp_path / "shards", told.append)
    assert again == shards and told[-1].reused == 0


@pytest.mark.parametrize("seconds", [0.1, 0.4])
def test_a_killed_call_goes_on_where_it_was(tmp_path, seconds):
    tree = corpus(tmp_path / "data", files=10, lines=800)
    code = (
        "import json, sys; from ftcore.config import parse_config; from ftcore.shards.whole import prepare_corpus;"
        "prepare_corpus(parse_config(json.loads(sys.argv[1])), sys.argv[2], lambda s: print(s.packs[0], flush=True))"
    )
    command = [sys.executable, "-c", code, json.dumps(tree), str(tmp_path / "shards")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = (tmp_path / "shards").exists()
    told: list[CorpusProgress] = []
    shards = prepare_corpus(parse_config(tree), tmp_path / "shards", told.append)
    assert done or told[-1].reused >= 1
    assert shards.digest == prepare_corpus(parse_config(tree), tmp_path / "other").digest


def test_what_is_left_of_other_options_or_damaged_is_not_taken(tmp_path, monkeypatch):
    tree = corpus(tmp_path / "data")
    from ftcore.shards import whole as module

    def stop(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "commit_shards", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare_corpus(parse_config(tree), tmp_path / "shards")
    left = sorted(p for p in (tmp_path / "shards.prepared").iterdir() if p.name not in ("copies", "lock"))
    damaged = left[0] / "docs.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    told: list[CorpusProgress] = []
    prepare_corpus(parse_config(tree), tmp_path / "shards", told.append)
    assert told[-1].reused == len(left) - 1
    other = prepare_corpus(parse_config(tree | {"text": {"segment": {"hmm": False}}}), tmp_path / "other")
    assert other.digest != look_at(tmp_path / "shards").manifest.digest


def test_what_is_prepared_of_the_present_files_alone_stays(tmp_path):
    tree = corpus(tmp_path / "data")
    told: list[CorpusProgress] = []

    def run():
        shards = prepare_corpus(parse_config(tree), tmp_path / "shards", told.append)
        folders = {path.name for path in (tmp_path / "shards.prepared").iterdir() if path.is_dir()}
        assert len(folders) == told[-1].packs[1]
        return shards, folders

    first, before = run()
    (tmp_path / "data" / "3.jsonl").unlink()
    _, after = run()
    assert after < before
    with open(tmp_path / "shards.prepared" / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="shards: another ftcore prepare writes this set"):
            run()
    litter = tmp_path / ".ftcore-tmp-0123456789ab-shards", tmp_path / ".ftcore-tmp-0123456789ab-shards2"
    for folder in litter:
        folder.mkdir()
    corpus(tmp_path / "data")
    assert run()[0] == first
    assert [folder.exists() for folder in litter] == [False, True], "another set's is not ours to remove"


def test_only_shards_are_replaced(tmp_path):
    config = parse_config(corpus(tmp_path / "data"))
    with pytest.raises(UserError, match=r"data: a folder that holds something else than shards"):
        prepare_corpus(config, tmp_path / "data")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file: a file is there"):
        prepare_corpus(config, tmp_path / "file")
    with pytest.raises(UserError, match=r"ingest.sources is empty"):
        prepare_corpus(parse_config({}), tmp_path / "shards")


def test_the_commands(tmp_path, capsys):
    tree = corpus(tmp_path / "data")
    (tmp_path / "corpus.yaml").write_text(json.dumps(tree))
    out = str(tmp_path / "shards")
    assert (
        main(["prepare", "--config", str(tmp_path / "corpus.yaml"), "--out", out, "filters.dedup=near"]) == 0
    )
    said = capsys.readouterr()
    manifest = load_manifest(out)
    made = f"{len(manifest.shards)} of {len(manifest.shards)} shards made anew"
    assert said.out.startswith(f"{out}: {manifest.rows:,} documents, {made}, digest {manifest.digest[:16]}")
    assert "prepare 100.0%" in said.err and "6 refused" in said.err
    assert main(["inspect", out]) == 0
    shown = capsys.readouterr().out
    for part in (f"{manifest.rows:,}", "Chinese", "broken JSON", "near duplicate", "docs:0.jsonl", "█"):
        assert part in shown
    assert main(["inspect", out, "--html", str(tmp_path / "page.html")]) == 0
    assert "Refused" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert main(["inspect", str(tmp_path / "data")]) == 1
    assert "no manifest" in capsys.readouterr().err
    assert main(["prepare", "--out", out, "filters.dedup=nearly"]) == 1
    assert "filters.dedup" in capsys.readouterr().err


def test_a_look(tmp_path):
    shards = prepare_corpus(parse_config(corpus(tmp_path / "data")), tmp_path / "shards")
    look = look_at(shards.path)
    assert sum(n for _, _, n in look.lengths) == look.manifest.rows == shards.rows
    assert [low for low, _, _ in look.lengths[1:]] == [high + 1 for _, high, _ in look.lengths[:-1]]
    assert len(look.samples) == 12 and len({row["id"] for row in look.samples}) == 12
    assert {row["reason"] for row in look.rejects} == {"broken JSON"} and len(look.copies) == 6
    page = render_shards(look)
    assert "<script>" not in page and look.manifest.digest[:16] in page


def test_a_look_at_nothing_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("one line\nanother line\n")
    tree = {"data": str(tmp_path), "ingest": {"sources": [{"path": "a.txt"}]}, "filters": {"dedup": "off"}}
    look = look_at(prepare_corpus(parse_config(tree), tmp_path / "shards").path)
    assert (look.copies, look.rejects, len(look.samples)) == ([], [], 2)
    assert render_shards(look).count("None.") == 2
