"""What processes that trained apart add up to: the sum of rare rows' motions, the mean of the commonest ones'."""

import numpy as np
import pytest
import torch

from ftcore.engines.pace import pace_of_documents, pace_of_words, share_of_sum
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from tests.ftcore.engines.small import finetuning, pretraining


@pytest.mark.parametrize("processes", [2, 3, 16])
@pytest.mark.parametrize("updates", [1, 7, 300])
def test_a_row_ends_where_one_process_would_have_taken_it(processes, updates):
    """A row at 1 that is pulled to 0: each process goes its updates, and so does one that makes all of them."""
    step = 0.02
    apart, alone = (1 - step) ** updates, (1 - step) ** (updates * processes)
    share = share_of_sum(torch.tensor([-np.log(1 - step) * updates]), processes)
    assert 1 - float(share) * processes * (1 - apart) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_how_often_rows_are_updated_is_counted(loss, model):
    """Against the pairs that a chunk of text really has, drawn by the seed."""
    dictionary, corpus, options = pretraining(lines=400, loss=loss, model=model, ws=1, t=1.0)
    setup = PretrainSetup.build(dictionary, options)
    input, output = pace_of_words(corpus.ids, dictionary.rows, options, setup)
    counts = np.zeros(dictionary.rows)
    for line in range(len(corpus)):
        ids = corpus.ids[corpus.offsets[line] : corpus.offsets[line + 1]]
        for k, word in enumerate(ids):
            neighbours = (k > 0) + (k + 1 < len(ids))
            rows = setup.subwords.values[setup.subwords.offsets[word] : setup.subwords.offsets[word + 1]]
            np.add.at(counts, rows, neighbours)
    # windows end with the line, which the expectation does not see
    ratio = counts.sum() / (input.sum() * len(corpus.ids))
    assert 0.7 < ratio <= 1
    assert np.corrcoef(counts, input)[0, 1] > 0.95
    scored = 2 * len(corpus.ids) if model == "skipgram" else len(corpus.ids)
    if loss == "ns":
        assert output.sum() * len(corpus.ids) == pytest.approx(scored * (1 + options.neg), rel=1e-3)
    else:
        assert output.max() * len(corpus.ids) == pytest.approx(scored, rel=1e-3), "the root is in every path"


def test_documents_share_their_features_rows():
    dictionary, bags, options = finetuning(lines=50)
    setup = FinetuneSetup.build(dictionary, options)
    input, output = pace_of_documents(bags, dictionary.rows, setup)
    assert input.sum() * len(bags.ids) == pytest.approx(len(bags), rel=1e-4)
    assert output.tolist() == pytest.approx([len(bags) / len(bags.ids)] * dictionary.nlabels)
