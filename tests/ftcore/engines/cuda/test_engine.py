"""The engine over whole chunks: lines, windows, repetition, and what it refuses."""

import numpy as np
import pytest
import torch

from ftcore.dictionary.encode import TokenCorpus
from ftcore.engines.draws import chunk_generator
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.errors import UserError
from ftcore.training import recipe
from tests.ftcore.engines.small import constant, finetuning, pretraining, tables_for


def engine(device, **given):
    from ftcore.engines.cuda.engine import Cuda

    return Cuda(device, **given)


def test_windows_form_after_the_discard_and_stop_at_the_line(device):
    """Against a slow loop over the lines, from the same discards and widths."""
    lines = [[0, 1, 2, 0, 1], [], [3], [0, 0], [2, 3, 1, 0, 2, 2, 1], []]
    ids = torch.tensor(sum(lines, []), dtype=torch.int32, device=device)
    offsets = torch.tensor(np.concatenate([[0], np.cumsum([len(line) for line in lines])]), device=device)
    limits = torch.tensor([1 << 30, -1, -1 << 31, -1], dtype=torch.int32, device=device)
    from ftcore.engines.cuda.twins import draw
    from ftcore.engines.cuda.windows import find_centres

    kept, width = draw(ids, limits, 5, 3)
    found = find_centres(ids, offsets, kept, width, lambda n: 1, (0.5, 0.1))
    first, last, words, before, at = [], [], [], 0, 0
    for line in lines:
        stay = [at + k for k in range(len(line)) if kept[at + k]]
        for k, place in enumerate(stay):
            words.append(int(ids[place]))
            first.append(before + max(0, k - int(width[place])))
            last.append(before + min(len(stay), k + int(width[place]) + 1))
        before, at = before + len(stay), at + len(line)
    assert 4 < len(words) < len(ids)
    assert (found.words.tolist(), found.first.tolist(), found.last.tolist()) == (words, first, last)
    assert found.rates[0] == 0.5 and (found.rates.diff() < 0).all() and found.rates[-1] > 0.1
    runs = find_centres(ids, offsets, kept, width, lambda n: 3, (0.5, 0.1)).rates
    assert int((runs == 0.5).sum()) == 3, "each run from the first rate to the last"
    nothing = (ids[:0], offsets[:1], kept[:0], width[:0])
    assert len(find_centres(*nothing, lambda n: 1, (0.5, 0.1))) == 0


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_a_chunk_counts_its_tokens_pairs_and_centres(device, model):
    dictionary, corpus, options = pretraining(lines=24, model=model, ws=1, t=1.0)
    setup = PretrainSetup.build(dictionary, options)
    tables = tables_for(dictionary, dictionary.nwords)
    rng = chunk_generator(0, "pretrain", 0, 0)
    result = engine(device).pretrain_lines(
        tables.to(device), corpus, range(3, 20), options, constant(0.05), rng, setup
    )
    sizes = np.diff(corpus.offsets)[3:20]
    assert result.tokens == sizes.sum()
    assert result.updates == sizes[sizes > 1].sum()
    pairs = 2 * (np.maximum(sizes, 1) - 1).sum()  # a window of one to either side
    assert result.examples == (result.updates if model == "cbow" else pairs)
    assert result.loss > 0 and result.broken is None


def test_a_deterministic_run_repeats_and_a_seed_changes_it(device):
    found = []
    for seed in (0, 0, 1):
        dictionary, corpus, options = pretraining(lines=60, epoch=2)
        tables = tables_for(dictionary, dictionary.nwords)
        recipe.fit(
            tables,
            recipe.Prepared(dictionary, corpus),
            options,
            recipe.Conditions(engine(device, in_flight=8), seed),
        )
        found.append(tables.input.detach().clone())
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_few_units_are_in_flight_of_a_small_text(device):
    made = engine(device, in_flight=1000)
    assert engine(device).programs(10**9, 7) == 7, "what the options say"
    assert [made.programs(n, 7) for n in (0, 1, 640, 10**9)] == [1, 1, 10, 1000]


def test_it_learns_to_tell_documents_apart(device):
    dictionary, bags, options = finetuning(lines=400, single=True, epoch=4, lr=0.5)
    tables = tables_for(dictionary, dictionary.nlabels)
    result = recipe.fit(tables, recipe.Prepared(dictionary, bags), options, recipe.Conditions(engine(device)))
    assert result.history[-1]["loss"] < 0.5 < 0.8 < result.history[0]["loss"]
    assert result.engine == "cuda"


def test_a_corpus_of_empty_lines_trains_nothing(device):
    dictionary, _, options = pretraining(lines=5)
    tables = tables_for(dictionary, dictionary.nwords)
    before = tables.input.detach().clone()
    empty = TokenCorpus(np.empty(0, np.int32), np.zeros(4, np.int64), np.zeros(1, np.int64))
    for deterministic in (True, False):
        result = engine(device, deterministic=deterministic).pretrain_lines(
            tables.to(device), empty, range(3), options, constant(0.1), chunk_generator(0, "pretrain", 0, 0),
            PretrainSetup.build(dictionary, options),
        )  # fmt: skip
        assert (result.loss, result.examples, result.tokens, result.updates) == (0, 0, 0, 0)
    assert torch.equal(tables.input.detach().cpu(), before)


@pytest.mark.parametrize("given", [{"clip": 1.0}, {"weight_decay": 0.1}])
def test_what_it_does_not_have_is_refused_with_the_remedy(device, given):
    dictionary, bags, options = finetuning(lines=10, **given)
    tables = tables_for(dictionary, dictionary.nlabels).to(device)
    with pytest.raises(UserError, match=f"{next(iter(given))}=.*engine=cuda has none; set engine=cpu"):
        engine(device).finetune_bags(
            tables, bags, np.arange(10), options, constant(0.1), chunk_generator(0, "finetune", 0, 0),
            FinetuneSetup.build(dictionary, options),
        )  # fmt: skip


def test_a_corpus_larger_than_the_device_is_streamed_and_trains_the_same(device, tmp_path):
    from ftcore.engines.cuda.resident import Resident

    found = []
    for room in (None, 100):
        dictionary, corpus, options = pretraining(lines=120)
        mapped = np.memmap(tmp_path / "ids", np.int32, "w+", shape=corpus.ids.shape)
        mapped[:] = corpus.ids
        streamed = TokenCorpus(mapped, corpus.offsets, corpus.total)
        tables = tables_for(dictionary, dictionary.nwords).to(device)
        made = engine(device, in_flight=4)
        made.resident = Resident(device, room)
        setup = PretrainSetup.build(dictionary, options)
        for chunk, lines in enumerate((range(50), range(50, 90), range(90, 120), range(10))):
            rng = chunk_generator(0, "pretrain", 0, chunk)
            made.pretrain_lines(tables, streamed, lines, options, constant(0.1), rng, setup)
        found.append(tables.input.detach().cpu())
    assert torch.equal(*found)


def test_ids_of_another_dictionary_reach_no_kernel(device):
    from ftcore.engines.cuda.resident import Resident

    for room in (None, 4):
        with pytest.raises(AssertionError, match="another dictionary"):
            Resident(device, room).ids(np.array([0, 3], np.int32), 0, 2, 3)


def test_cbow_shares_its_windows_and_repeats(device):
    """The twin learns what the exact way learns, in the same bytes each time."""
    found = {}
    for updates in ("exact", "shared", "shared"):
        dictionary, corpus, options = pretraining(lines=80, epoch=3, model="cbow", updates=updates)
        tables = tables_for(dictionary, dictionary.nwords)
        result = recipe.fit(
            tables,
            recipe.Prepared(dictionary, corpus),
            options,
            recipe.Conditions(engine(device, in_flight=4)),
        )
        found.setdefault(updates, []).append(
            (tables.input.detach().cpu().clone(), result.history[-1]["loss"])
        )
    (once, loss), (again, _) = found["shared"]
    assert torch.equal(once, again)
    assert loss == pytest.approx(found["exact"][0][1], rel=0.1)
