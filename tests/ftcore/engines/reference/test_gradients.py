"""The closed forms are the gradients: each against autograd through `model.losses` and `TwoTables`."""

import numpy as np
import pytest
import torch

from ftcore.engines.draws import chunk_generator, context_pairs, draw_negatives, draw_windows
from ftcore.engines.reference.engine import Reference
from ftcore.engines.reference.gradients import ova_gradient, rows_gradient, softmax_gradient
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.model import losses
from tests.ftcore.engines.small import constant, finetuning, pretraining, tables_for

WHOLE = 65536  # one update for everything


def leaves(examples=5, classes=4, dim=3):
    torch.manual_seed(0)
    hidden_ED = torch.randn(examples, dim, dtype=torch.float64, requires_grad=True)
    output_CD = torch.randn(classes, dim, dtype=torch.float64, requires_grad=True)
    weight_E = torch.rand(examples, dtype=torch.float64)
    return hidden_ED, output_CD, weight_E


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("examples", [1, 5])
def test_dense_closed_forms(weighted, examples):
    hidden, output, weight = leaves(examples)
    weight = weight if weighted else None
    target = torch.arange(examples) % 4
    truth = (torch.rand(examples, 4) < 0.5).double()
    for ours, twin, aim in ((softmax_gradient, losses.softmax, target), (ova_gradient, losses.ova, truth)):
        expected = twin(hidden, output, aim, weight)
        grads = torch.autograd.grad(expected, (hidden, output))
        loss, *found = ours(hidden.detach(), output.detach(), aim, weight)
        torch.testing.assert_close(loss, expected.detach())
        for a, b in zip(found, grads, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("weighted", [False, True])
def test_row_closed_form_for_negatives_and_tree(weighted):
    hidden, output, weight = leaves()
    targets = torch.tensor([0, 1, 2, 3, 0])
    negatives = torch.tensor([[1, 1], [0, 2], [3, 0], [2, 2], [3, 1]])  # rows that repeat add up
    tree = losses.huffman_tree(np.array([9, 5, 3, 1]))
    real = tree.signs != 0
    size = real.sum(1)[targets]
    cases = {
        "ns": (
            losses.ns(hidden, output, targets, negatives, weight if weighted else None),
            torch.cat([targets[:, None], negatives], 1).flatten(),
            torch.tensor([1.0, 0, 0] * 5, dtype=torch.float64),
            torch.arange(5).repeat_interleave(3),
        ),
        "hs": (
            losses.hs(hidden, output, targets, tree, weight if weighted else None),
            tree.paths[targets][real[targets]],
            (tree.signs[targets][real[targets]] > 0).double(),
            torch.arange(5).repeat_interleave(size),
        ),
    }
    for expected, rows, truth, bag in cases.values():
        grad_hidden, grad_output = torch.autograd.grad(expected, (hidden, output))
        weight_T = weight[bag] if weighted else None
        loss, found_hidden, found_rows = rows_gradient(
            hidden.detach(), output.detach(), rows, truth, bag, weight_T
        )
        torch.testing.assert_close(loss, expected.detach())
        torch.testing.assert_close(found_hidden, grad_hidden)
        torch.testing.assert_close(torch.zeros_like(grad_output).index_add_(0, rows, found_rows), grad_output)


@pytest.mark.parametrize("loss", ["softmax", "ova", "hs", "ns"])
def test_an_update_of_fine_tuning_is_sgd_through_the_module(loss):
    dictionary, bags, options = finetuning(loss=loss, batch_size=WHOLE, single=True)
    tables = tables_for(dictionary, dictionary.nlabels, head=0.5)
    module = tables_for(dictionary, dictionary.nlabels, head=0.5)
    order = np.arange(len(bags))
    setup = FinetuneSetup.build(dictionary, options)
    rng = chunk_generator(0, "finetune", 0, 0)
    result = Reference().finetune_bags(tables, bags, order, options, constant(0.01), rng, setup)

    targets = torch.from_numpy(bags.targets).long()
    rng = chunk_generator(0, "finetune", 0, 0)
    rng.random(len(order))
    hidden = module.hidden(torch.from_numpy(bags.ids).long(), torch.from_numpy(bags.offsets[:-1]))
    extra = []
    if loss == "ns":
        drawn = draw_negatives(setup.targets.negatives, bags.targets.astype(np.int64), options.neg, rng)
        extra = [torch.from_numpy(drawn)]
    if loss == "hs":
        extra = [losses.huffman_tree(dictionary.label_counts)]
    expected = getattr(losses, loss)(hidden, module.output, targets, *extra)
    expected.backward()
    torch.optim.SGD(module.parameters(), lr=0.01).step()
    assert result.loss == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(tables.input, module.input, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(tables.output, module.output, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_an_update_of_pretraining_is_the_module_with_the_full_gradient_on_every_row(model, loss):
    dictionary, corpus, options = pretraining(model=model, loss=loss, batch_size=WHOLE, lines=15)
    tables = tables_for(dictionary, dictionary.nwords, head=0.3)
    module = tables_for(dictionary, dictionary.nwords, head=0.3)
    setup = PretrainSetup.build(dictionary, options)
    rng = chunk_generator(0, "pretrain", 0, 0)
    result = Reference().pretrain_lines(
        tables, corpus, range(len(corpus)), options, constant(0.001), rng, setup
    )
    assert result.updates == 1

    rng = chunk_generator(0, "pretrain", 0, 0)
    windows = draw_windows(corpus.ids, corpus.offsets, setup.keep, options.ws, rng)
    centre, context = context_pairs(windows)
    if model == "skipgram":
        bags, targets = setup.subwords.take(windows.words[centre]), windows.words[context]
        offsets = bags.offsets[:-1]
    else:
        bags, (units, first) = (
            setup.subwords.take(windows.words[context]),
            np.unique(centre, return_index=True),
        )
        targets, offsets = windows.words[units], bags.offsets[first]
    ids, offsets = torch.from_numpy(bags.values).long(), torch.from_numpy(offsets)
    mean = module.hidden(ids, offsets)
    total = torch.nn.functional.embedding_bag(ids, module.input, offsets, mode="sum")
    hidden = mean.detach() + total - total.detach()  # the mean's value with the sum's gradient
    extra = []
    if loss == "ns":
        extra = [torch.from_numpy(draw_negatives(setup.targets.negatives, targets, options.neg, rng))]
    if loss == "hs":
        extra = [losses.huffman_tree(dictionary.counts)]
    expected = getattr(losses, loss)(hidden, module.output, torch.from_numpy(targets), *extra)
    expected.backward()
    torch.optim.SGD(module.parameters(), lr=0.001).step()
    assert result.loss == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(tables.input, module.input, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(tables.output, module.output, atol=1e-5, rtol=1e-5)
