"""The registered model's weights in fewer bytes: what it saves and costs is said, and it still answers."""

from __future__ import annotations

import re
import shutil

import pytest

from ftcore.config import load_config
from ftcore.fasttext import FastText
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow


def test_smaller_weights_say_what_they_cost_and_answer_after_a_move(ready, invoke, tmp_path):
    done = invoke("pipeline", "--config", ready.config, "tracking.weights=int8")
    assert done.recomputed == {"register", "report"} and done.summary["model_uri"] == "models:/tiny/2"
    assert done.reasons["register"] == "weights: nothing → int8"
    said = re.search(
        r"int8 weights: ([\d.]+) MB instead of ([\d.]+) MB; accuracy on the test split", done.err
    )
    assert said is not None and float(said[1]) <= float(said[2]), done.err
    config = load_config(ready.config)
    tracker = Tracker(config)
    small, whole = (tracker.download(f"models:/tiny/{number}")[0] for number in (2, 1))
    assert (small / "model.safetensors").stat().st_size < 0.6 * (whole / "model.safetensors").stat().st_size
    texts = ["a match with the coach and the striker", "手机的屏幕和电池"]
    answers = [[p.labels for p in FastText.load(folder).predict(texts)] for folder in (small, whole)]
    assert answers[0] == answers[1]
    version = tracker.client.get_model_version("tiny", "2")
    assert version.tags["weights"] == "int8" and "instead of" in version.tags["weights.cost"]
    held = sorted(p.name for p in (ready.store / "stages" / "held").iterdir())
    assert held == ["tiny~1.json", "tiny~2.json"], "both versions keep their report and shards"

    elsewhere = tmp_path / "elsewhere"
    shutil.move(ready.store, elsewhere)
    moved = config.model_copy(update={"store": str(elsewhere)})
    assert elsewhere in Tracker(moved).download("models:/tiny/2")[0].parents
    arguments = [f"store={elsewhere}", "--input", ready.data / "en.txt", "--output", tmp_path / "out.parquet"]
    done = invoke("predict", "--config", ready.config, *arguments)
    assert done.code == 0 and done.summary["documents"] > 100, done.err
