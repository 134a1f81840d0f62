"""`filters.quality` in the flows: a stage of its own, reused, and redone for what it depends on alone."""

from __future__ import annotations

import json

import pytest

from ftcore.shards.manifest import load_manifest

pytestmark = pytest.mark.flow


@pytest.fixture
def scored(project, prefect_api):
    """A corpus of two kinds of lines, and examples of either."""
    lines = {"good": "the committee has a report on history", "other": "click and buy it cheap now"}
    for name, line in lines.items():
        (project.data / f"{name}.txt").write_text("".join(f"{line} {n}\n" for n in range(60)))
    (project.data / "corpus.txt").write_text(
        "".join(f"{line} {n + 100}\n" for line in lines.values() for n in range(50))
    )
    tree = project.tree()
    tree["ingest"]["sources"] = [{"path": "corpus.txt"}]
    quality = {"good": [{"path": "good.txt"}], "other": [{"path": "other.txt"}], "keep_share": 0.5}
    tree["filters"] = {"quality": quality}
    project.write(tree)
    return project


def test_scores_are_a_stage(scored, invoke):
    done = invoke("prepare", "--config", scored.config)
    assert done.code == 0 and done.summary["rows"] == 50, done.err
    manifest = load_manifest(done.summary["shards"])
    assert manifest.counts["quality"] == {"low score (en)": 50}
    [model] = (scored.store / "stages/quality").glob("*/model")
    assert model.is_dir()

    def plan(*words):
        said = invoke("prepare", "--config", scored.config, "--dry-run", *words).out.splitlines()[-1]
        return {stage: told["would"] for stage, told in json.loads(said).items()}

    assert set(plan().values()) == {"reused"}
    other = plan("filters.quality.keep_share=0.25")
    assert other["prepare"] == other["dedup"] == "reused" and other["quality"] == "planned"
    (scored.data / "good.txt").write_text("another text of good words\n" * 9)
    assert plan()["quality"] == "planned" and plan()["prepare"] == "reused"
