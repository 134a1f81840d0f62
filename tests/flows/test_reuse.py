"""One byte, one option or one source line: exactly what depends on it is computed again, and says why.

A stage whose recomputation gives the same bytes leaves those after it as they are.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.flow

AFTER_EVALUATE = {"report"}
AFTER_FINETUNE = {"evaluate", "register", *AFTER_EVALUATE}
AFTER_TRAINING = {"baseline", *AFTER_FINETUNE}
AFTER_COMMIT = {"dictionary-pretrain", "pretrain", "dictionary-finetune", "finetune", *AFTER_TRAINING}
AFTER_PREPARE = {"dedup", "commit", *AFTER_COMMIT}
# The page shows the whole configuration and links the run, so every option is one of its inputs.
PAGE = {"report"}


def output(store: Path, stage: str) -> Path:
    """Folder of the output in use."""
    home = store / "stages" / stage
    return home / json.loads((home / "in-use" / "tiny.json").read_text())[0]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


# -------------------------------------------------------------------------------- one input byte
def test_one_byte_of_labelled_text(ready, invoke):
    path = ready.data / "en.jsonl"
    flip(path, path.read_bytes().index(b"striker") + 3)
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == {"prepare", *AFTER_PREPARE}
    assert done.reasons["prepare"] == "input changed: en.jsonl (1 of 4 parts)", "the other parts stand"
    assert done.err.count("prepare: recomputed") == 1 and "prepare/" not in done.err, "one line a stage"
    assert done.reasons["commit"].startswith("input changed: 0000")
    assert done.reasons["finetune"].startswith("input changed: ") and "shards" in done.reasons["finetune"]
    assert done.summary["model_uri"] == "models:/tiny/2"


def test_one_byte_of_unlabelled_text(ready, invoke):
    """All but the classifier's own dictionary, which comes to the same words as before."""
    path = ready.data / "en.txt"
    flip(path, path.read_bytes().index(b"striker") + 3)
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == {"prepare", *AFTER_PREPARE}
    assert done.reasons["prepare"] == "input changed: en.txt (1 of 4 parts)"
    assert "dictionary" not in done.reasons["finetune"], done.reasons["finetune"]


def test_a_change_that_leaves_the_same_text_stops_at_preparation(ready, invoke):
    """Upper case is folded: the part's bytes differ, the documents do not."""
    path = ready.data / "en.jsonl"
    content = path.read_bytes()
    at = content.index(b"striker")
    path.write_bytes(content[:at] + b"S" + content[at + 1 :])
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == {"prepare"}
    assert done.summary["model_uri"] == "models:/tiny/1"


def test_one_more_document_and_its_removal(ready, invoke):
    path = ready.data / "zh.csv"
    content = path.read_bytes()
    path.write_bytes(content + "一场新的比赛和新的球员,sport\r\n".encode())
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == {"prepare", *AFTER_PREPARE} and done.summary["model_uri"] == "models:/tiny/2"
    path.write_bytes(content)
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == set(), "the earlier outputs are still there"
    assert done.summary["model_uri"] == "models:/tiny/1"


def test_a_touched_file_is_not_a_changed_one(ready, invoke):
    for path in ready.data.iterdir():
        path.write_bytes(path.read_bytes())
    assert invoke("pipeline", "--config", ready.config).recomputed == set()


def test_a_users_dictionary_is_an_input(ready, invoke):
    """Two of the same name in different folders, and the second one changes."""
    for name in ("a", "b"):
        (ready.folder / name).mkdir()
        (ready.folder / name / "words.txt").write_text("天天机器 10\n", encoding="utf-8")
    option = "text.segment.user_dict=[a/words.txt, b/words.txt]"
    assert invoke("prepare", "--config", ready.config, option).code == 0

    def planned() -> str:
        done = invoke("prepare", "--config", ready.config, option, "--dry-run")
        plan = json.loads(done.out.strip().splitlines()[-1])["prepare"]
        return plan["why"] if plan["would"] == "planned" else ""

    assert planned() == ""
    for name in ("b", "a"):
        path = ready.folder / name / "words.txt"
        path.write_text("我们觉得 9999\n", encoding="utf-8")
        assert f"{name}/words.txt" in planned()
        path.write_text("天天机器 10\n", encoding="utf-8")
        assert planned() == ""


# ------------------------------------------------------------------------------- one output byte
OUTPUTS = {
    "prepare/en.en.jsonl.0": [
        "part/docs.parquet",
        "part/keys.npy",
        "part/counts.json",
        "part/quarantine.jsonl",
    ],
    "dedup": ["drops/0.npy"],
    "commit": ["shards/manifest.json", "shards/*.parquet"],
    "dictionary-pretrain": ["dictionary.safetensors"],
    "pretrain": ["model/*.safetensors", "model/model.json", "about/curves.json"],
    "dictionary-finetune": ["dictionary.safetensors"],
    "finetune": ["model/*.safetensors", "model/model.json"],
    "evaluate": ["metrics.json", "tables/per_label.parquet", "plots/confusion.svg"],
    "report": ["report.html"],
}


@pytest.mark.parametrize("stage", OUTPUTS)
def test_one_byte_of_an_output(ready, invoke, stage):
    """The stage alone runs again: it gives the same bytes, so that those after it stand."""
    pattern = OUTPUTS[stage][0]
    path = sorted(output(ready.store, stage).glob(pattern))[0]
    flip(path, path.stat().st_size // 2)
    done = invoke("pipeline", "--config", ready.config)
    assert done.code == 0, done.err
    assert done.recomputed == {stage.split("/")[0]}, done.reasons
    name = path.relative_to(output(ready.store, stage)).as_posix()
    piece = " (1 of 4 parts)" if "/" in stage else ""
    assert done.reasons[stage.split("/")[0]] == f"output {name} has changed on disk{piece}"
    if stage == "commit":  # the manifest was flipped, not the shard
        assert "0 of 1 shards made anew, " in done.err
    assert done.summary["model_uri"] == "models:/tiny/1", "nothing new to register"


@pytest.mark.parametrize(("stage", "pattern"), [(s, p) for s, ps in OUTPUTS.items() for p in ps[1:]])
def test_one_byte_of_every_other_output_is_seen(ready, invoke, stage, pattern):
    """A dry run is enough to see it."""
    found = sorted(output(ready.store, stage).glob(pattern))
    assert found, f"{stage} leaves no {pattern}"
    path = found[0]
    if path.stat().st_size == 0:
        path.write_bytes(b"x")
    else:
        flip(path, path.stat().st_size // 2)
    done = invoke("pipeline", "--config", ready.config, "--dry-run")
    plan = json.loads(done.out.strip().splitlines()[-1])
    would = plan[stage.split("/")[0]]
    assert would["would"] == "planned" and "has changed on disk" in would["why"]


def test_one_byte_of_the_record_of_a_registration(ready, invoke):
    path = output(ready.store, "register") / "stage.json"
    path.write_bytes(path.read_bytes().replace(b"models:/tiny/1", b"models:/tiny/0"))
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == {"register", "report"}, "a new version, and the page that names it"
    assert done.reasons["register"] == "output stage.json has changed on disk"
    assert done.summary["model_uri"] == "models:/tiny/2"


def test_a_removed_output(ready, invoke):
    shutil.rmtree(output(ready.store, "evaluate"))
    done = invoke("pipeline", "--config", ready.config)
    assert done.recomputed == {"evaluate"} and done.reasons["evaluate"] == "no earlier output"


# ------------------------------------------------------------------------------------ one option
@pytest.mark.parametrize(
    ("option", "expected", "stage", "reason"),
    [
        (
            "text.stopwords.mode='on'",
            {"prepare", *AFTER_PREPARE},
            "prepare",
            "text.stopwords.mode: off → on",
        ),
        (
            "filters.min_tokens=5",  # drops nothing here, but the manifest holds the options' digest
            {"prepare", "commit", *AFTER_COMMIT - {"register"}},  # the same model
            "prepare",
            "filters.min_tokens: 1 → 5",
        ),
        (
            "pretrain.min_count=2",
            {"dictionary-pretrain", "pretrain", "finetune", *AFTER_FINETUNE},
            "dictionary-pretrain",
            "min_count: 1 → 2",
        ),
        (
            "finetune.head=linear",
            {"finetune", *AFTER_FINETUNE},
            "finetune",
            "finetune.head: sgd → linear",
        ),
        (
            "evaluate.top_k=[1, 2]",
            {"evaluate", *AFTER_EVALUATE},
            "evaluate",
            "top_k: [1, 3] → [1, 2]",
        ),
        (
            "tracking.model_name=other",
            {"register", *PAGE},
            "register",
            "name: tiny → other",
        ),
        (
            "shards.rows=100",
            {"commit", *AFTER_COMMIT - {"register"}},
            "commit",
            "shards.rows: 100000 → 100",
        ),
        (
            "checkpoint_seconds=0 workers=2",
            PAGE,
            "report",
            "checkpoint_seconds: 60.0 → 0.0",
        ),  # of workers nothing depends
    ],
    ids=lambda value: value.split("=")[0] if isinstance(value, str) and "=" in value else "",
)
def test_one_option(ready, invoke, option, expected, stage, reason):
    done = invoke(
        "pipeline", "--config", ready.config, *(option.split(" ") if " workers" in option else [option])
    )
    assert done.code == 0, done.err
    assert done.recomputed == expected, done.reasons
    assert reason in done.reasons[stage]


# ------------------------------------------------------------------------------- one source line
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ftcore/reading/readers.py", {"prepare", "commit"}),
        ("ftcore/shards/dedup.py", {"dedup"}),
        ("ftcore/dictionary/counting.py", {
            "dictionary-pretrain", "dictionary-finetune", "pretrain", "finetune", "baseline", "evaluate", "register",
        }),
        ("ftcore/training/pretrain.py", {"pretrain", "finetune"}),  # both are one recipe
        ("ftcore/text/segment.py", {"prepare", "commit", "pretrain", "finetune", "evaluate", "register"}),
        ("ftcore/evaluation/metrics.py", {"baseline", "evaluate"}),
        ("ftcore/report/style.css", {"report"}),
        ("tasks/finetune.py", {"finetune"}),
        ("tasks/pyfunc.py", {"register"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_one_source_line(ready, invoke, sources, source, expected):
    """The stages that import it; those after them stand, for a comment changes no output but the version."""
    with commented(sources, source):
        done = invoke("pipeline", "--config", ready.config)
    assert done.code == 0, done.err
    if "register" in expected:  # a new version carries the new code, and the page names the version
        expected = {*expected, "report"}
    assert done.recomputed == expected, done.reasons
    for stage in expected - {"report"}:
        assert done.reasons[stage] == f"code changed: {source}"


@contextmanager
def commented(sources, *names):
    """Sources with one line more."""
    before = {sources / name: (sources / name).read_text(encoding="utf-8") for name in names}
    try:
        for path, text in before.items():
            comment = "/* a comment */" if path.suffix == ".css" else "# a comment"
            path.write_text(text + comment + "\n", encoding="utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


def test_lines_that_no_stage_imports(ready, invoke, sources):
    names = ("config.py", "evaluation/significance.py", "report/compare_page.py")
    with commented(sources, *(f"ftcore/{name}" for name in names), "flows/pipeline.py"):
        done = invoke("pipeline", "--config", ready.config)
    assert (done.code, done.recomputed) == (0, set()), (done.err, done.reasons)


# ------------------------------------------------------------------- labels and splits, the text as it was
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("split.test=0.3", "split.test: 0.25 → 0.3"),
        ("filters.min_tokens=5", "filters.min_tokens: 1 → 5"),
        ("labels", "ingest.sources[en].label_names.sport: nothing → games"),
    ],
)
def test_labels_and_splits_do_not_cut_the_text_anew(ready, invoke, monkeypatch, change, why):
    from ftcore.text.tokenizer import Tokenizer

    arguments = [change]
    if change == "labels":
        tree, arguments = ready.tree(), []
        for source in tree["ingest"]["sources"][:2]:
            source["label_names"] = {"sport": "games"}
        ready.write(tree)
    cut = []
    apply = Tokenizer.apply
    monkeypatch.setattr(
        Tokenizer, "apply", lambda self, b: cut.append(b.column("source")[0].as_py()) or apply(self, b)
    )
    done = invoke("prepare", "--config", ready.config, *arguments)
    assert done.code == 0 and "prepare: recomputed" in done.err, done.err
    assert why in " ".join(done.err.split())
    assert {name.partition(":")[0] for name in cut} == (
        {"text_en", "text_zh"} if "filters" in change else set()
    )
