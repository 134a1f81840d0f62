"""A classifier on a device answers as the one on the processor: lines, buckets without a row, Parquet."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore import config
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.formats.quantized import quantize
from ftcore.inference.classifier import Classifier
from ftcore.inference.scoring import score_file
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from tests.ftcore.engines.small import corpus_lines

LINES, LABELS = corpus_lines(150)
ASKED = [*corpus_lines(60, seed=5)[0], "", "never seen words", "a b never"]


def model(loss):
    options = config.Finetune(dim=7, epoch=2, lr=0.5, loss=loss, word_ngrams=2, bucket=300, minn=2, maxn=3)
    labels = [one[:1] for one in LABELS]
    return learn(Tokenized.of(LINES, labels), options, Conditions(choose_engine("cpu", "cpu"), 1))[0]


@pytest.mark.parametrize("loss", ["softmax", "ova", "hs"])
def test_lines_have_the_same_answers(device, loss, monkeypatch):
    from ftcore.engines.cuda import answers

    monkeypatch.setattr(answers, "_LINES", 25)  # several calls of the device
    made = model(loss)
    theirs, ours = Classifier(made, 1), answers.classifier_on(made, str(device), 2)
    rows = ours.predictor.tables.signed(ours.predictor._features(["never seen words"])[0])
    assert (rows < 0).any(), "buckets that have no row take part"
    for one, other in zip(theirs.told(ASKED), ours.told(ASKED), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)
    found, wanted = (side.predictor.predict(ASKED, k=2) for side in (ours, theirs))
    assert (
        found.labels.tolist() == wanted.labels.tolist() and found.offsets.tolist() == wanted.offsets.tolist()
    )
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-5, atol=1e-6)


def test_parquet_is_scored(device, tmp_path):
    from ftcore.engines.cuda.answers import classifier_on

    made = model("softmax")
    pq.write_table(pa.table({"text": ASKED}), tmp_path / "in.parquet", row_group_size=20)
    found = []
    for side, classifier in (("a", Classifier(made, 1)), ("b", classifier_on(made, str(device)))):
        score_file(classifier, tmp_path / "in.parquet", ["text"], tmp_path / f"{side}.parquet")
        found.append(pq.read_table(tmp_path / f"{side}.parquet"))
    assert found[0]["label"].to_pylist() == found[1]["label"].to_pylist()
    np.testing.assert_allclose(*(one["probability"].to_numpy() for one in found), rtol=1e-5, atol=1e-6)


def test_rows_that_are_codes_are_refused(device, monkeypatch):
    from ftcore.engines.cuda.answers import classifier_on

    monkeypatch.setattr("ftcore.inference.tables._SMALL_TABLE", 0)
    small = quantize(model("softmax").with_prefix("__label__"), cutoff=0, qnorm=False, qout=False, dsub=2)
    with pytest.raises(UserError, match="is quantised.*set engine=auto"):
        classifier_on(small, str(device))
