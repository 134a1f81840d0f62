"""Where a search looks next: ranges, deviations, what the user fixed, one step at a time for n-grams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore import config
from ftcore.errors import UserError
from ftcore.training.search import BUCKETS, MINN, MOVES, SEARCHED, Settings, Strategy

BASE = Settings(config.Finetune(dim=100))


def test_the_first_trial_is_what_was_given():
    odd = Settings(config.Finetune(dim=7, epoch=200, lr=9.0, minn=1, maxn=2, loss="ns"), dsub=5)
    assert Strategy(odd).ask(0.0) == odd


@given(
    st.integers(0, 2**31 - 1),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30),
    st.sets(st.sampled_from(SEARCHED)),
)
def test_trials_stay_in_fasttext_s_ranges_and_keep_what_is_fixed(seed, steps, fixed):
    strategy = Strategy(BASE, fixed, seed)
    for t, score in steps:
        best = strategy.best
        tried = strategy.ask(t)
        o, b = tried.options, best.options
        assert 1 <= o.epoch <= 100 and 0.01 <= o.lr <= 5 and 1 <= o.dim <= 1000
        assert o.bucket in BUCKETS or o.bucket == b.bucket
        assert 1 <= o.word_ngrams <= min(5, b.word_ngrams + 1)
        assert o.minn in MINN and MINN.index(o.minn) <= MINN.index(b.minn) + 1
        if "maxn" not in fixed:
            assert o.maxn == (o.minn + 3 if o.minn else 0)
        assert tried.dsub in (2, 4, 8, 16)
        for name in fixed:
            assert tried.values()[name] == BASE.values()[name]
        config.Finetune(**o.model_dump())  # valid as if a user had written it
        strategy.tell(tried, score)


def test_the_same_seed_makes_the_same_moves():
    def walk(seed: int) -> list[Settings]:
        strategy = Strategy(BASE, seed=seed)
        made = []
        for i in range(8):
            made.append(strategy.ask(i / 8))
            strategy.tell(made[-1], i % 3)
        return made

    assert walk(1) == walk(1) != walk(2)


def test_only_a_better_trial_becomes_the_best():
    strategy = Strategy(BASE)
    first, second = strategy.ask(0), strategy.ask(0)
    assert strategy.tell(first, 0.5) and not strategy.tell(second, 0.5)
    assert not strategy.tell(second, float("nan")) and strategy.best == first
    assert strategy.tell(second, 0.6) and strategy.best == second


@pytest.mark.parametrize(("t", "expected"), [(0.0, 1.9), (0.25, 1.9), (0.5, 1.45), (0.75, 1.0), (1.0, 1.0)])
def test_deviations_shrink_in_the_middle_half_as_in_the_original(t, expected):
    rng = np.random.default_rng(0)
    wide = MOVES["lr"]._replace(low=0, high=float("inf"))
    steps = np.log2([wide.draw(3.0, t, rng) / 3.0 for _ in range(4000)])
    assert np.std(steps) == pytest.approx(expected, rel=0.05) and abs(steps.mean()) < 0.1


def test_a_fixed_maxn_bounds_minn():
    strategy = Strategy(Settings(config.Finetune(dim=10, minn=2, maxn=2)), {"maxn"}, seed=3)
    tried = [strategy.ask(0).options for _ in range(40)]
    assert {o.maxn for o in tried} == {2} and {o.minn for o in tried} == {0, 2}
    off = Strategy(Settings(config.Finetune(dim=10)), {"maxn"}, seed=3)
    assert {(o.minn, o.maxn) for o in [off.ask(0).options for _ in range(20)]} == {(0, 0)}


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="wordNgrams.*word_ngrams"):
        Strategy(BASE, {"wordNgrams"})


def test_the_first_steps_build_on_the_best_so_far():
    strategy = Strategy(BASE)
    strategy.tell(strategy.ask(0), 0.1)
    faster = strategy.ask(0).options
    assert faster == BASE.options.model_copy(update={"epoch": 25, "lr": 0.5})
    strategy.tell(Settings(faster), 0.5)
    pairs = strategy.ask(0).options
    assert pairs == faster.model_copy(update={"word_ngrams": 2})
    strategy.tell(Settings(pairs), 0.4)  # no gain: the next step leaves them out
    assert strategy.ask(0).options == faster.model_copy(update={"minn": 2, "maxn": 5})


def test_steps_that_are_fixed_or_taken_already_are_left_out():
    there = Settings(config.Finetune(dim=10, epoch=30, lr=1.0, word_ngrams=3))
    strategy = Strategy(there, {"dim"}, seed=0)
    strategy.ask(0)
    assert strategy.ask(0).options == there.options.model_copy(update={"minn": 2, "maxn": 5})
    strategy = Strategy(BASE, {"lr", "minn"})
    strategy.ask(0)
    assert strategy.ask(0).options == BASE.options.model_copy(update={"epoch": 25})


def test_a_trial_moves_about_half_of_the_values_and_never_none():
    strategy = Strategy(
        Settings(config.Finetune(dim=100, epoch=30, lr=1.0, word_ngrams=2, minn=2, maxn=5)), seed=5
    )
    strategy.ask(0)
    moved = [
        tried.changed(strategy.best).keys() - {"dsub", "maxn"}
        for tried in (strategy.ask(0) for _ in range(300))
    ]
    assert 2 < np.mean([len(names) for names in moved]) < 3
    assert set().union(*moved) == {"epoch", "lr", "dim", "word_ngrams", "minn", "bucket"}
    alone = Strategy(BASE, set(SEARCHED) - {"dim"}, seed=1)
    tried = [alone.ask(0).changed(BASE).keys() for _ in range(20)]
    assert tried[0] == set() and {"dim"} in tried[1:]


BASES = [
    {"bucket": 0},
    {"bucket": 10},
    {"word_ngrams": 3},
    {"minn": 2, "maxn": 5},
    {"minn": 0, "maxn": 4},
    {"minn": 6, "maxn": 6, "word_ngrams": 2, "bucket": 1000},
    {"dim": 3000, "epoch": 0, "lr": 9.0},
    {"loss": "hs"},
]


@pytest.mark.parametrize("base", BASES, ids=str)
def test_every_trial_can_be_trained_whatever_is_fixed(base):
    """All combinations of fixed options that bear on n-grams, with each kind of base."""
    start = Settings(config.Finetune(**{"dim": 100, **base}))
    names = ("bucket", "word_ngrams", "minn", "maxn")
    for chosen in range(2 ** len(names)):
        fixed = {name for i, name in enumerate(names) if chosen >> i & 1}
        strategy = Strategy(start, fixed, seed=chosen)
        for number in range(30):
            settings = strategy.ask(number / 30)
            config.Finetune.model_validate(settings.options.model_dump())  # none is refused
            assert all(getattr(settings.options, name) == getattr(start.options, name) for name in fixed)
            strategy.tell(settings, float(number))  # the search wanders as far as it can


def test_without_buckets_no_ngrams_are_tried_and_the_rest_is():
    strategy = Strategy(Settings(config.Finetune(dim=10, bucket=0)), {"bucket"}, seed=1)
    tried = [strategy.ask(0.5).options for _ in range(40)]
    assert {(o.bucket, o.word_ngrams, o.minn, o.maxn) for o in tried} == {(0, 1, 0, 0)}
    assert len({o.lr for o in tried}) > 5 and len({o.dim for o in tried}) > 5


def test_a_base_that_nothing_can_be_trained_with_is_refused_before_the_search():
    base = config.Finetune(dim=10)
    for impossible in ({"bucket": 0, "word_ngrams": 2}, {"bucket": 0, "maxn": 3}, {"minn": 4, "maxn": 3}):
        with pytest.raises(UserError, match="nothing to search from: .*(bucket 0|minn 4)"):
            Strategy(Settings(base.model_copy(update=impossible)), set(impossible))
