"""What MLflow serves: on the frame's own rows, nothing for nothing, k as in fastText, JSON that is JSON."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from ftcore.errors import UserError
from ftcore.fasttext import FastText

TEXTS = ["good film", "dull film", "nice day"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    from tasks.pyfunc import TextClassifier

    model = FastText.from_texts(TEXTS, ["a", "b", "c"], dim=6)
    with torch.no_grad():  # good says a, dull b, nice c, the others nothing
        model.tables.input.zero_()
        model.tables.output.copy_(20 * torch.eye(3, 6))
        for place, word in enumerate((b"good", b"dull", b"nice")):
            model.tables.input[model.dictionary.index[word], place] = 1
    folder = tmp_path_factory.mktemp("served") / "model"
    model.save(folder)
    classifier = TextClassifier()
    classifier.load_context(SimpleNamespace(artifacts={"model": str(folder)}))
    return lambda frame, **params: classifier.predict(None, frame, params or None)


FRAME = pd.DataFrame(
    {"text": ["good film", "dull film", "nice day", "dull day"], "want": ["a", "b", "c", "b"]}
)
FRAMES = {
    "filtered": FRAME[FRAME["want"] != "a"],
    "sorted": FRAME.sort_values("text"),
    "reversed": FRAME[::-1],
    "sampled with repeats": FRAME.iloc[[3, 0, 3, 1]],
    "words": FRAME.set_axis(list("wxyz")),
    "one value": FRAME.set_axis([7, 7, 7, 7]),
    "two levels": FRAME.set_index(["want", FRAME.index], drop=False),
    "times": FRAME.set_axis(pd.date_range("2026-01-01", periods=4)[::-1]),
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("k", [1, -1])
def test_an_answer_stands_on_the_frames_own_rows(served, name, k):
    frame = FRAMES[name].copy()
    answer = served(frame, k=k)
    assert answer.index.equals(frame.index)
    if frame.index.is_unique:
        frame["label"] = answer["label"]
        assert frame["label"].tolist() == frame["want"].tolist()
    assert answer["label"].tolist() == frame["want"].tolist()


@pytest.mark.parametrize("nothing", ["", " ", "。。。", None, float("nan"), pd.NA, "qwx zvk"], ids=repr)
def test_nothing_has_no_label_and_is_null_in_json(served, nothing):
    from mlflow.pyfunc.scoring_server import predictions_to_json

    answer = served(pd.DataFrame({"text": pd.Series(["good", nothing], dtype=object)}), k=2)
    assert answer["label"].tolist() == ["a", None] and answer["label_2"][1] is None
    assert answer["probability"][1] == answer["probability_2"][1] == 0.0
    out = io.StringIO()
    predictions_to_json(answer[["label", "probability"]], out)
    found = json.loads(out.getvalue(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert found["predictions"][1] == {"label": None, "probability": 0.0}


def test_k_means_all_at_minus_one_and_costs_nothing_beyond_the_labels(served):
    frame = FRAME[["text"]]
    every = served(frame, k=-1)
    assert list(every.columns) == [f"{c}{s}" for s in ("", "_2", "_3") for c in ("label", "probability")]
    assert [set(row) for row in every[["label", "label_2", "label_3"]].to_numpy()] == [{"a", "b", "c"}] * 4
    assert every.filter(like="probability").sum(axis=1).tolist() == pytest.approx([1] * 4, abs=1e-5)
    begin = time.perf_counter()
    pd.testing.assert_frame_equal(served(frame, k=200_000), every)
    assert time.perf_counter() - begin < 2
    with pytest.raises(UserError, match="k = 0.*-1 for all"):
        served(frame, k=0)


def test_bytes_are_text_or_refused(served):
    assert served(pd.DataFrame({"text": [b"dull", "nice"]}))["label"].tolist() == ["b", "c"]
    with pytest.raises(UserError, match="text 1: .*no UTF-8"):
        served(pd.DataFrame({"text": ["good", b"\xff\xfe"]}))
    with pytest.raises(UserError, match="text 0 is .*a list and no text"):
        served(pd.DataFrame({"text": [["good"]]}))
