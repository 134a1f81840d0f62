"""The article's program made real, over five seeds and in a few seconds."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from examples import first_model

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore:one label in the training set")
def test_what_the_article_promises(seed, capsys):
    got = first_model.main(seed)
    assert [p.labels[0] for p in got["trained"]] == first_model.labels == [1, 1, 2]
    assert got["trained"][2].probabilities[0] > 0.5
    assert got["p_after"] > got["p_before"]
    assert got["after"].labels[0] == 1 and got["after"].probabilities[0] > 0.5
    for prediction in [*got["trained"], got["before"], got["after"]]:
        assert sorted(prediction.labels) == [1, 2]
        assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-6)
    assert "Java是一个面向对象的编程语言 -> 2" in capsys.readouterr().out


BARE = """
import jieba, torch
jieba.initialize()
torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()
"""


def cpu_seconds(*command: str) -> tuple[float, str]:
    """CPU seconds of a Python process, which a busy machine stretches less than the clock, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_it_runs_as_a_program_in_little_more_than_its_libraries_take_to_load():
    """Five seconds on a quiet machine, of which three and a half are torch, its optimisers and jieba's dictionary."""
    bare, _ = cpu_seconds("-c", BARE)
    spent, printed = cpu_seconds("examples/first_model.py")
    assert "Python是一种动态语言 -> 1" in printed
    assert spent < 2 * bare
