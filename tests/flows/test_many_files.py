"""Many small files: one piece of work for many, few lines on screen, and what is knowable said at once."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.flow
FILES = 1200


@pytest.fixture
def notes(project, prefect_api):
    """A folder of many small files, without a label, as the one source."""
    for number in range(FILES):
        folder = project.data / "notes" / f"{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05d}.md").write_text(f"# Note {number}\n\nsome words about {number}\n")
    tree = project.tree()
    tree["ingest"]["sources"] = [{"path": "notes/**/*.md", "name": "notes", "format": "paragraphs"}]
    project.write(tree)
    return project


def test_many_small_files(notes, invoke):
    done = invoke("prepare", "--config", notes.config)
    assert done.code == 0 and done.summary["rows"] == 2 * FILES
    assert len(done.err.splitlines()) < 12 and ".md" not in done.err, done.err
    stored = [p for p in (notes.store / "stages").rglob("*") if p.is_file()]
    assert len(stored) < 30, "not a folder a file"
    (notes.data / "notes" / "3" / "00003.md").write_text("# Note 3\n\nnow with other words\n")
    plan = invoke("prepare", "--config", notes.config, "--dry-run")
    assert len(plan.out.splitlines()[-1]) < 1000
    why = json.loads(plan.out.splitlines()[-1])["prepare"]["why"]
    assert why == "input changed: 3/00003.md"


def test_no_label_is_said_before_any_work(notes, invoke):
    done = invoke("pipeline", "--config", notes.config)
    assert done.code == 1 and "no source gives a label (notes/**/*.md)" in " ".join(done.err.split())
    assert not (notes.store / "stages").exists()
