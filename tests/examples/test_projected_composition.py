"""The article's composition (§4.1): by hand, as fastText in a special case, and its gradients."""

import numpy as np
import pytest
import torch

from examples.projected_composition import ProjectedComposition, compare
from ftcore import FastText, TextDataset, config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.model.module import make_bags

TEXTS = ["好看 的 书", "boring film", "bad 的 film", "好 书"]
LABELS = [1, 0, 0, 1]


def test_by_hand():
    d = Dictionary.build([([], "ab cd")], config.DictionaryOptions(minn=2, maxn=2, bucket=100_000))
    assert d.words == [b"ab", b"</s>", b"cd"] or len(d.words) == 3
    module = ProjectedComposition(d, classes=1, dim=1, projected=1, composed=1)
    with torch.no_grad():
        module.rows.copy_(torch.arange(1.0, d.rows + 1).unsqueeze(1))
        for name, value in {"H": 2, "G": 3, "U": 5, "V": 7, "W": 1, "b": 0.5}.items():
            getattr(module, name).fill_(value)
    ids = d.to_signed(d.features("ab cd"))
    bags = make_bags(ids, np.array([0, len(ids)]))
    # h_i = 2 ũ_i, g_i = 3 ṽ_i, w_i = w_{i-1} + 5 h_i + 7 g_i
    w, expected = 0.0, []
    for word in (b"ab", b"cd", b"</s>"):
        rows = d.to_rows(d.subwords(word))
        whole, grams = rows[0] + 1, sum(r + 1 for r in rows[1:])
        w = w + 5 * (2 * grams) + 7 * (3 * whole)
        expected.append(w)
    assert module.states(bags)[0].flatten().tolist() == expected
    assert module.composed(bags).item() == expected[-1]
    assert module(bags).item() == expected[-1] + 0.5


def test_reduces_to_fasttext():
    """Identity matrices and bag weights: the increments add up to fastText's mean."""
    model = FastText.from_texts(TEXTS, LABELS, dim=6, minn=1, maxn=2, word_ngrams=2, seed=4)
    torch.nn.init.normal_(model.tables.output)
    module = ProjectedComposition(model.dictionary, 2, 6, bag_weights=True, seed=4)
    with torch.no_grad():
        module.W.copy_(model.tables.output)
    bags = model.encode([*TEXTS, "unseen 词 words", ""])
    assert bags.absent is not None
    torch.testing.assert_close(module.composed(bags), model.tables.hidden(*bags))
    torch.testing.assert_close(module(bags), model(bags))


def test_states_are_running_sums():
    model = FastText.from_texts(TEXTS, LABELS, dim=3, minn=1, maxn=2)
    module = ProjectedComposition(model.dictionary, 2, 3, projected=4, composed=5)
    for name in "HGUV":
        torch.nn.init.normal_(getattr(module, name))
    bags = model.encode(TEXTS)
    states = module.states(bags)
    words = [line.split() for line in model.tokenizer.tokenize(TEXTS)]
    assert [len(s) for s in states] == [len(line) + 1 for line in words]  # </s> is a word
    torch.testing.assert_close(torch.stack([s[-1] for s in states]), module.composed(bags))
    assert module.states(model.encode(TEXTS[:1]))[0].shape == (len(words[0]) + 1, 5)


@pytest.mark.parametrize("weights", [False, True])
def test_gradcheck(weights):
    model = FastText.from_texts(TEXTS, LABELS, dim=3, minn=1, maxn=2)
    module = ProjectedComposition(model.dictionary, 2, 3, 4, 2, bag_weights=weights).double()
    torch.nn.init.normal_(module.W)
    bags, _ = model.collate(list(zip(TEXTS[:2], LABELS[:2], strict=True)))
    names = ["rows", "H", "G", "U", "V", "W", "b"]

    def score(*values):
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (bags,))

    assert torch.autograd.gradcheck(score, tuple(getattr(module, n) for n in names))


def test_it_learns_over_the_same_dictionary_and_collate():
    data = TextDataset(TEXTS * 4, LABELS * 4)
    scores = compare(data, data, dim=8, epochs=15, lr=0.02, batch=4, minn=1, maxn=2)
    assert scores == {"projected composition": 1.0, "fastText": 1.0}
