"""Fine-tuning and pretraining as a whole: they learn, stop, keep the best, and refuse what cannot work."""

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus, TokenCorpus, as_batch, documents, encode_bags
from ftcore.engines.choice import choose_engine
from ftcore.engines.reference.engine import Reference
from ftcore.errors import UserError
from ftcore.model.losses import huffman_tree
from ftcore.training.finetune import _Plan
from ftcore.training.validation import validate
from tests.ftcore.engines.small import finetuning, pretraining, tables_for
from tests.trained import finetune, pretrain

CPU = choose_engine("reference", "cpu")


def train(dictionary, bags, valid, options, **more):
    tables = tables_for(dictionary, dictionary.nlabels, dim=options.dim)
    return finetune(tables, dictionary, bags, valid, options, engine=CPU, **more)


@pytest.mark.parametrize("batch_size", [1, 16])
@pytest.mark.parametrize("loss", ["softmax", "ova", "hs", "ns"])
def test_it_learns_what_is_there_to_learn(loss, batch_size):
    dictionary, bags, options = finetuning(
        lines=200, loss=loss, batch_size=batch_size, epoch=8, lr=0.5, single=True
    )
    result = train(dictionary, bags, bags, options)
    assert result.history[-1]["valid_accuracy"] > 0.95
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert result.tokens == 8 * len(bags.ids)
    assert result.updates == 8 * -(-200 // batch_size)
    assert (result.engine, result.device, result.stopped_early) == ("reference", "cpu", False)


def test_every_document_is_seen_once_an_epoch_in_another_order():
    sizes = np.full(1000, 40)
    plan = _Plan(np.arange(0, 1000, 2), sizes, batch_size=16, seed=0, chunk=5000)
    first = [c.copy() for c in plan.chunks(0)]
    second = plan.chunks(1)
    assert len(first) > 3 and all(len(c) % 16 == 0 for c in first[:-1])
    assert sorted(np.concatenate(first)) == list(range(0, 1000, 2)) == sorted(np.concatenate(second))
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()


def test_documents_without_label_or_feature_are_left_out():
    dictionary, bags, options = finetuning(lines=20, single=True, epoch=1)
    ids = np.concatenate([bags.ids, bags.ids[:3]])
    gaps = BagCorpus(  # two more: one without a feature, one without a label
        ids=ids,
        offsets=np.append(bags.offsets, [len(bags.ids), len(ids)]),
        targets=np.append(bags.targets, [0]).astype(np.int32),
        target_offsets=np.append(bags.target_offsets, [len(bags.targets) + 1] * 2),
    )
    assert train(dictionary, gaps, None, options).tokens == len(bags.ids)


class Scripted:
    """Validation scores by epoch, in place of the real ones."""

    def __init__(self, scores):
        self.scores, self.inputs = scores, []

    def __call__(self, tables, *args, **kwargs):
        self.inputs.append(tables.input.detach().clone())
        return {"loss": 1.0, "accuracy": 0.5, "macro_f1": self.scores[len(self.inputs) - 1]}


def scripted(monkeypatch, scores, **options):
    script = Scripted(scores)
    monkeypatch.setattr("ftcore.training.validation.validate", script)
    dictionary, bags, settings = finetuning(lines=30, epoch=len(scores), **options)
    return train(dictionary, bags, bags, settings), script


def test_the_best_epoch_is_kept(monkeypatch):
    result, script = scripted(monkeypatch, [0.1, 0.7, 0.7, 0.3])
    assert result.best_epoch == 2  # the first among equals
    assert torch.equal(result.tables.input, script.inputs[1])
    assert [round(h["valid_macro_f1"], 1) for h in result.history] == [0.1, 0.7, 0.7, 0.3]


def test_the_last_epoch_is_kept_where_asked(monkeypatch):
    result, script = scripted(monkeypatch, [0.1, 0.7, 0.3], keep_best=False)
    assert result.best_epoch == 2
    assert torch.equal(result.tables.input, script.inputs[2])


def test_patience_stops_after_so_many_epochs_without_gain(monkeypatch):
    result, script = scripted(monkeypatch, [0.1, 0.7, 0.6, 0.5, 0.9], patience=2)
    assert (len(script.inputs), result.stopped_early, result.best_epoch) == (4, True, 2)
    assert torch.equal(result.tables.input, script.inputs[1])
    result, script = scripted(monkeypatch, [0.1, 0.7, 0.6, 0.8, 0.7], patience=2)
    assert (len(script.inputs), result.stopped_early, result.best_epoch) == (5, False, 4)


def test_without_validation_the_last_epoch_stays():
    dictionary, bags, options = finetuning(lines=20, epoch=2, patience=1)
    result = train(dictionary, bags, None, options)
    assert result.best_epoch is None and len(result.history) == 2
    assert set(result.history[0]) == {"epoch", "loss", "lr"}


def test_validation_by_hand():
    """Two rows, two labels: documents 0 and 1 are right, 2 is wrong, 3's gold label is unknown."""
    dictionary = Dictionary.build([(["a"], "x"), (["b"], "y")], config.DictionaryOptions())
    tables = tables_for(dictionary, 2, dim=2)
    rows = dictionary.to_rows(np.array([dictionary.index[b"x"], dictionary.index[b"y"]]))
    with torch.no_grad():
        tables.input[rows[0]], tables.input[rows[1]] = torch.tensor([1.0, 0]), torch.tensor([0, 1.0])
        tables.output.copy_(torch.eye(2) * 2)
    bags = BagCorpus(
        rows[[0, 1, 0, 0]].astype(np.int32), np.arange(5), np.array([0, 1, 1]), np.array([0, 1, 2, 3, 3])
    )
    scores = validate(tables, bags, "softmax")
    right, wrong = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert scores["loss"] == pytest.approx((2 * right + wrong) / 3, rel=1e-6)
    assert scores["accuracy"] == 0.5
    # a: said 3, gold 1, true 1; b: said 1, gold 2, true 1
    assert scores["macro_f1"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    sigmoid = validate(tables, bags, "ova")
    assert sigmoid["loss"] == pytest.approx((2 * (right + np.log(2)) + wrong + np.log(2)) / 3, rel=1e-6)
    tree = huffman_tree(dictionary.label_counts)
    assert validate(tables, bags, "hs", tree=tree)["loss"] > 0


def test_validation_counts_buckets_without_a_row():
    """A held-out document's new bigrams have no memory; their rows are made when it is scored."""
    dictionary, bags, options = finetuning(lines=40, single=True, epoch=1)
    unseen = encode_bags([as_batch(["全新 的 tokens here"], [["天气"]])], dictionary)
    assert (unseen.ids < 0).any()
    assert np.isfinite(train(dictionary, bags, unseen, options).history[0]["valid_loss"])
    with pytest.raises(ValueError, match="grow=True"):
        train(dictionary, unseen, None, options)


def test_balanced_weights_find_the_rare_class():
    rng = np.random.default_rng(0)
    noise = [f"n{i}" for i in range(30)]
    texts = [" ".join(rng.choice(noise, 8)) + (" mark" if i % 20 == 0 else "") for i in range(600)]
    labels = [["rare" if i % 20 == 0 and i % 3 else "common"] for i in range(600)]
    batch = [as_batch(texts, labels)]
    scores = {}
    for weights in ("none", "balanced"):
        options = config.Finetune(dim=6, epoch=5, class_weights=weights)
        dictionary = Dictionary.build(documents(batch), options)
        bags = encode_bags(batch, dictionary)
        scores[weights] = train(dictionary, bags, bags, options).history[-1]["valid_macro_f1"]
    assert scores["balanced"] > scores["none"] + 0.2


def test_a_new_head_needs_two_labels_and_a_trained_one_does_not():
    dictionary, bags, options = finetuning(lines=30, single=True, epoch=1)
    place = int(np.flatnonzero(bags.targets == 2)[0])
    one = bags.take(np.array([place]))
    with pytest.raises(UserError, match="every training document has the label '地点'"):
        train(dictionary, one, None, options)
    tables = train(dictionary, bags, None, options).tables

    def probability():
        with torch.no_grad():
            logits = tables(torch.from_numpy(one.ids).long(), torch.tensor([0]))
        return logits.softmax(1)[0, 2].item()

    before = probability()
    finetune(tables, dictionary, one, None, options, engine=CPU)
    assert probability() > before


def test_what_cannot_be_trained_is_refused():
    dictionary, bags, options = finetuning(lines=10)
    none = BagCorpus(bags.ids, bags.offsets, bags.targets[:0], np.zeros_like(bags.offsets))
    with pytest.raises(UserError, match="of 10 documents none"):
        train(dictionary, none, None, options)
    unknown = options.model_copy(update={"class_weights": {"nolabel": 2.0}})
    with pytest.raises(UserError, match="'nolabel' does not occur"):
        train(dictionary, bags, None, unknown)
    words, corpus, settings = pretraining(lines=3)
    empty = TokenCorpus(corpus.ids[:0], np.zeros(1, dtype=np.int64), corpus.total)
    with pytest.raises(UserError, match="no token of the vocabulary"):
        pretrain(tables_for(words, words.nwords), words, empty, settings, engine=CPU)


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_divergence_names_step_and_rate(stage):
    with pytest.raises(UserError, match=rf"{stage}: .* at step \d+ \(lr .*smaller lr .* or batch_size"):
        if stage == "pretrain":
            dictionary, corpus, options = pretraining(lr=100.0, batch_size=512, epoch=30, loss="softmax")
            tables = tables_for(dictionary, dictionary.nwords, head=1e18)
            pretrain(tables, dictionary, corpus, options, engine=CPU)
        else:
            dictionary, bags, options = finetuning(lr=100.0, batch_size=512, epoch=30)
            tables = tables_for(dictionary, dictionary.nlabels, head=1e30)
            finetune(tables, dictionary, bags, None, options, engine=CPU)


def test_freeze_words_without_pretrained_rows_warns(caplog):
    dictionary, bags, options = finetuning(lines=10, epoch=1, freeze="words")
    train(dictionary, bags, None, options)
    assert "nothing to freeze" in caplog.text


def test_zero_epochs_leave_the_tables_alone():
    dictionary, corpus, options = pretraining(lines=5, epoch=0)
    tables = tables_for(dictionary, dictionary.nwords)
    before = tables.input.detach().clone()
    result = pretrain(tables, dictionary, corpus, options, engine=Reference())
    assert result.history == [] and torch.equal(tables.input, before) and result.words_per_second == 0


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("loss", ["ns", "hs"])
def test_pretraining_brings_words_of_one_context_together(model, loss):
    rng = np.random.default_rng(0)
    groups = [[f"a{i}" for i in range(8)], [f"b{i}" for i in range(8)]]
    lines = [" ".join(rng.choice(groups[k % 2], 8)) for k in range(400)]
    options = config.Pretrain(
        dim=8, min_count=1, minn=0, maxn=0, t=1.0, epoch=5, lr=0.1, model=model, loss=loss, batch_size=4
    )
    batch = [as_batch(lines)]
    dictionary = Dictionary.build(documents(batch), options)
    from ftcore.dictionary.encode import encode_tokens

    tables = tables_for(dictionary, dictionary.nwords, dim=8)
    pretrain(tables, dictionary, encode_tokens(batch, dictionary), options, engine=CPU)
    rows = torch.nn.functional.normalize(
        tables.input.detach()[[dictionary.index[w.encode()] for g in groups for w in g]]
    )
    cosine = rows @ rows.T
    within = (cosine[:8, :8].sum() - 8) / 56
    assert within > cosine[:8, 8:].mean() + 0.5
