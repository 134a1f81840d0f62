"""What a search says while it runs: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

from ftcore.config import Finetune
from ftcore.training.autotune import Trial
from ftcore.training.search import Settings
from ftcore.training.searchbar import SearchBar, describe


def trial(number: int, outcome: str = "scored", score: float = 0.5, best: bool = True) -> Trial:
    options = Finetune(dim=20, word_ngrams=2, bucket=5000)
    return Trial(number, Settings(options), outcome, score, best, float(number), 1.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_for_every_new_best_only():
    stream = io.StringIO()
    with SearchBar(10, stream, seconds=1000) as bar:
        bar.elapsed(0.5)
        bar.trial(trial(1, score=0.25))
        bar.trial(trial(2, score=0.2, best=False))
        bar.trial(trial(3, "diverged", float("nan"), False))
        bar.trial(trial(4, score=0.75))
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["trial 1", "score 0.2500"],
        ["trial 4", "score 0.7500"],
    ]
    assert bar.state() == "trials 4  best score 0.7500"


def test_plain_lines_from_time_to_time():
    stream = io.StringIO()
    with SearchBar(10, stream, seconds=0) as bar:
        bar.elapsed(2.5)
    assert stream.getvalue() == "autotune  25.0%  trials 0  best score unknown\n"


def test_a_terminal_gets_a_bar_that_is_closed_again():
    stream = Terminal()
    with SearchBar(10, stream) as bar:
        bar.trial(trial(1))
        bar.elapsed(25)  # beyond the end
    said = stream.getvalue()
    assert "autotune" in said and "trial 1" in said and "100%" in said and "best score 0.5000" in said


def test_a_trial_in_one_line():
    assert describe(trial(1)) == (
        "score 0.5000  epoch 5  lr 0.1  dim 20  word_ngrams 2  minn 0  maxn 0  bucket 5000  1.0 s"
    )
    assert describe(trial(2, "no time", float("nan"), False)).startswith("no time  epoch 5")
