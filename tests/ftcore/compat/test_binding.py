"""``model.f``, the original's binding object, as other people's code uses it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ftcore
from tests.ftcore.compat.conftest import run_both

CALLS = """
m = fasttext.load_model(str(given["path"]))
f, args = m.f, m.f.getArgs()
names = "lr dim ws epoch minCount neg wordNgrams bucket minn maxn lrUpdateRate t label thread".split()
found = {
    "args": {name: getattr(args, name) for name in names},
    "kinds": [str(args.model), str(args.loss)],
    "vocab": f.getVocab("strict"),
    "labels": f.getLabels("strict"),
    "lines": [f.getLine(text, "strict") for text in ("soup new\\n", "soup __label__food", "a\\nb\\n", "")],
    "tokens": f.tokenize("a b\\nc"),
    "ids": [f.getWordId("soup"), f.getLabelId("__label__food"), f.getSubwordId("so")],
    "quantised": f.isQuant(),
    "subwords": f.getSubwords("soup", "strict")[0],
}
texts = ["soup noodle\\n", "soup noodle", "火锅 </s> soup\\n", "", "\\n", "a\\nsoup\\n"]
single = [f.predict(text, 2, 0.0, "strict") for text in texts]
many = f.multilinePredict(texts, 2, 0.0, "strict")
ended = f.multilinePredict(texts[:1] * 3, 2, 0.0, "strict")
found["said"] = [[label for _, label in one] for one in single], many[0], ended[0]
out["exact"] = np.array(json.dumps(found))
out["scores"] = np.array([score for one in single for score, _ in one] + [s for one in many[1] for s in one])
out["near"] = np.array([score for score, _ in f.getNN("soup", 3, "strict")])
"""


def test_calls_on_the_binding_are_the_originals(originals):
    theirs, ours = run_both(CALLS, path=originals["softmax"])
    a, b = (json.loads(str(found.pop("exact"))) for found in (theirs, ours))
    assert b == a
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=2e-5, atol=1e-6)


def test_what_it_does_not_have(originals):
    f = ftcore.load_model(originals["softmax"]).f
    with pytest.raises(AttributeError, match="no 'frobnicate'"):
        f.frobnicate()
    assert "getWordId" in dir(f)
