"""The search over hyperparameters: it finds, keeps to its time, survives Ctrl-C, and reuses encodings."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus, as_batch, encode_bags
from ftcore.engines.choice import choose_engine
from ftcore.errors import Diverged, UserError
from ftcore.model.module import TwoTables
from ftcore.training import autotune as module
from ftcore.training.autotune import Trial, autotune
from ftcore.training.documents import Documents
from ftcore.training.objective import answer
from ftcore.training.recipe import fit
from ftcore.training.search import Settings
from ftcore.training.start import fresh_tables
from tests.trained import finetune

ENGINE = choose_engine("cpu", "cpu")
BASE = config.Finetune(dim=16, epoch=1, lr=0.01, bucket=20_000)


class Texts(Documents):
    """Labelled lines; the order of two words decides, so bigrams are needed to do well."""

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rows = []
        for _ in range(n):
            label = int(rng.integers(2))
            pair = ["alpha", "beta"] if label else ["beta", "alpha"]
            noise = [f"w{rng.integers(60)}" for _ in range(6)]
            at = int(rng.integers(7))
            self.rows.append(([f"__label__{label}"], " ".join(noise[:at] + pair + noise[at:])))
        self.batch = as_batch([text for _, text in self.rows], [label for label, _ in self.rows])
        self.counts = self.encodings = 0
        self.weigh = lambda documents: None

    def count(self, options: config.DictionaryOptions) -> Dictionary:
        self.counts += 1
        return Dictionary.build(self.rows, options)

    def bags(self, dictionary: Dictionary, grow: bool) -> BagCorpus:
        self.encodings += 1
        return encode_bags([self.batch], dictionary, grow=grow)

    def tokens(self, dictionary: Dictionary):
        raise AssertionError("a classifier's documents are read as bags")

    def weights(self, documents: int):
        return self.weigh(documents)


@pytest.fixture(scope="module")
def texts() -> tuple[Texts, Texts]:
    made = Texts(600, 0), Texts(300, 1)
    first = autotune(*made, BASE, duration=60, engine=ENGINE, on_trial=_after(1))  # compiles the kernels
    assert first.interrupted and len(first.trials) == 1
    return made


def _after(n: int):
    """Ctrl-C in the trial after the n-th."""

    def stop(trial: Trial) -> None:
        if trial.number == n:
            raise KeyboardInterrupt

    return stop


def scored_again(settings: Settings, train: Texts, valid: Texts, seed: int = 0) -> float:
    """Precision of a plain training with these settings, one thread."""
    dictionary = Dictionary.build(train.rows, settings.options)
    bags = encode_bags([train.batch], dictionary, grow=True)
    tables = TwoTables.over(fresh_tables(dictionary, settings.options.dim, "supervised", seed))
    options = settings.options.model_copy(update={"keep_best": False})
    finetune(tables, dictionary, bags, None, options, seed=seed, engine=ENGINE)
    return answer(tables, encode_bags([valid.batch], dictionary), "softmax", seed=seed).precision


def test_it_finds_the_bigrams_and_says_how(texts):
    told: list[Trial] = []

    def enough(trial: Trial) -> None:
        told.append(trial)
        if trial.score > 0.9:
            raise KeyboardInterrupt

    result = autotune(*texts, BASE, duration=60, seed=1, engine=ENGINE, deterministic=True, on_trial=enough)
    assert result.trials == told and [t.number for t in told] == list(range(1, len(told) + 1))
    assert told[0].settings == Settings(BASE) and told[0].score < 0.7
    assert result.score > 0.9 and result.options.word_ngrams >= 2
    best = [t for t in told if t.best]
    assert best[-1].score == result.score == max(t.score for t in told if t.outcome == "scored")
    assert [t.score for t in best] == sorted(t.score for t in best)
    assert best[-1].figures["documents"] == 300
    # a training with the best arguments gives the very same score: nothing else was at work
    assert scored_again(result.best, *texts, seed=1) == pytest.approx(result.score)


def test_a_text_is_counted_once_and_encoded_once_per_kind_of_ngrams(texts):
    train, valid = texts
    train.counts = train.encodings = valid.encodings = 0
    # a number of trials, not of seconds: a deadline may fall between the encodings of a trial's two texts
    result = autotune(train, valid, BASE, {"bucket"}, duration=600, engine=ENGINE, on_trial=_after(20))
    kinds = {(o.word_ngrams, o.minn, o.maxn) for o in (t.settings.options for t in result.trials)}
    assert train.counts == 1 and valid.counts == 0
    assert train.encodings == valid.encodings <= len(kinds) < len(result.trials)


def test_what_the_user_set_stays(texts):
    fixed = {"dim", "word_ngrams", "lr"}
    result = autotune(*texts, BASE, fixed, duration=600, engine=ENGINE, on_trial=_after(20))
    assert len(result.trials) == 20
    assert {(o.dim, o.word_ngrams, o.lr) for o in (t.settings.options for t in result.trials)} == {
        (16, 1, 0.01)
    }


@pytest.mark.parametrize("fixed", [set(), {"epoch"}])
def test_the_time_is_kept_to(texts, fixed):
    """A second trial of minutes is cut, stopped or not begun (the limits leave room for a stalled machine)."""
    slow = BASE.model_copy(update={"epoch": 4000, "dim": 300})
    begun = time.perf_counter()
    with pytest.raises(UserError, match="enough time"):
        autotune(*texts, slow, fixed, duration=1.0, engine=ENGINE)
    assert time.perf_counter() - begun < 4
    begun = time.perf_counter()
    result = autotune(*texts, BASE, fixed, duration=1.0, engine=ENGINE)
    assert result.seconds == pytest.approx(time.perf_counter() - begun, abs=0.1)
    assert result.seconds < 4


def test_ctrl_c_keeps_the_best_so_far(texts):
    gone: list[float] = []

    def watch(elapsed: float) -> None:
        gone.append(elapsed)
        if len(trials) == 3:
            raise KeyboardInterrupt

    trials: list[Trial] = []
    result = autotune(*texts, BASE, duration=60, engine=ENGINE, on_trial=trials.append, on_progress=watch)
    assert result.interrupted and len(result.trials) == 4 and result.trials[-1].outcome == "stopped"
    assert result.score == max(t.score for t in result.trials[:3])
    assert gone == sorted(gone)


def test_ctrl_c_before_the_first_score_is_the_caller_s(texts):
    def stop(_elapsed: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autotune(*texts, BASE, duration=60, engine=ENGINE, on_progress=stop)


def test_trials_that_diverge_or_do_not_fit_are_passed_over(texts, monkeypatch):
    seen: list[Trial] = []
    limits = iter([False, True, False, False])

    def memory(dictionary, dim):
        if next(limits, False):
            raise MemoryError("too large")

    monkeypatch.setattr(module, "_require_memory", memory)

    def train(*given):
        if len(seen) == 2:
            raise Diverged("finetune: the loss is not a number any more at step 3")
        return fit(*given)

    monkeypatch.setattr(module, "fit", train)

    def enough(trial: Trial) -> None:
        seen.append(trial)
        _after(4)(trial)

    autotune(*texts, BASE, duration=600, engine=ENGINE, on_trial=enough)
    assert [t.outcome for t in seen] == ["scored", "no memory", "diverged", "scored"]
    assert "not a number" in seen[2].note and np.isnan(seen[1].score)


def test_tables_beyond_the_free_memory_are_refused(texts):
    dictionary = Dictionary.build(texts[0].rows, config.Finetune(word_ngrams=2, bucket=2_000_000_000))
    with pytest.raises(module._TooLarge, match="GB"):
        module._require_memory(dictionary, 1000)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"metric": "f2"}, "Unknown metric"),
        ({"metric": "f1:__label__9"}, "__label__9"),
        ({"predictions": 0}, "autotunePredictions"),
        ({"duration": 0}, "autotuneDuration"),
        ({"fixed": {"wordNgrams"}}, "wordNgrams"),
    ],
)
def test_mistakes_are_named(texts, given, words):
    with pytest.raises(UserError, match=words):
        autotune(*texts, BASE, **{"duration": 5, "engine": ENGINE, **given})


def test_a_validation_set_without_a_known_label(texts):
    stranger = Texts(5, 2)
    stranger.batch = as_batch([text for _, text in stranger.rows], [["other"]] * 5)
    with pytest.raises(UserError, match="no document of the validation set"):
        autotune(texts[0], stranger, BASE, duration=5, engine=ENGINE)


def test_a_label_s_own_metric_is_maximised(texts):
    result = autotune(
        *texts, BASE, duration=600, metric="f1:__label__1", predictions=1, engine=ENGINE, on_trial=_after(6)
    )
    assert 0 < result.score <= 1 and result.score == max(t.score for t in result.trials if t.score == t.score)


def test_documents_may_have_weights(texts, monkeypatch):
    train, valid = texts
    label = np.array([int(labels[0][-1]) for labels, _ in train.rows])
    asked: list[int] = []

    def weights(documents: int) -> np.ndarray:
        asked.append(documents)
        return (label == 1).astype(float)  # label 0 counts nothing, so it is hardly ever said

    monkeypatch.setattr(train, "weigh", weights)
    result = autotune(
        train, valid, BASE, duration=60, engine=ENGINE, metric="f1:__label__0", on_trial=_after(4)
    )
    assert asked and set(asked) == {600} and result.score < 0.1


@pytest.mark.parametrize("parts", [1, 7])
def test_listeners_hear_of_every_part_of_an_epoch(texts, parts):
    train, _ = texts
    dictionary = Dictionary.build(train.rows, BASE)
    bags = encode_bags([train.batch], dictionary, grow=True)
    heard: list[bool] = []
    for _ in range(2):
        tables = fresh_tables(dictionary, 16, "supervised", 0)
        result = finetune(
            tables, dictionary, bags, None, BASE, engine=ENGINE, parts=parts,
            listeners=[lambda progress: heard.append(progress.epoch_end)],
        )  # fmt: skip
        assert parts <= len(heard) <= parts + 2 and heard.count(True) == 1 and result.tokens == len(bags.ids)
        heard.clear()
