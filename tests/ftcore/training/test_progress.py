"""Progress reports, the terminal listener and TensorBoard's event files, read back."""

import io

import pytest

from ftcore.engines.choice import choose_engine
from ftcore.training.progress import Progress, TerminalListener, describe
from ftcore.training.schedule import linear
from ftcore.training.tensorboard import TensorBoardListener
from tests.ftcore.engines.small import finetuning, pretraining, tables_for
from tests.trained import finetune, pretrain

CPU = choose_engine("reference", "cpu")


def test_linear_schedule_ends_at_zero_without_a_floor():
    rate = linear(0.1, 200)
    assert [rate(n) for n in (0, 50, 200, 300)] == pytest.approx([0.1, 0.075, 0, 0])
    assert linear(0.1, 0)(0) == 0.1


def test_reports_of_a_pretraining():
    dictionary, corpus, options = pretraining(lines=60, epoch=2)
    seen = []
    pretrain(
        tables_for(dictionary, dictionary.nwords),
        dictionary,
        corpus,
        options,
        engine=CPU,
        listeners=[seen.append],
    )
    last = seen[-1]
    assert last.done == last.total == 2 * len(corpus.ids)
    assert (last.stage, last.lr, last.epoch, last.epoch_end, last.eta_seconds) == ("pretrain", 0, 1, True, 0)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert all(p.words_per_second > 0 and p.loss > 0 for p in seen)


def progress(**change):
    values = {"stage": "finetune", "step": 10, "done": 500, "total": 1000, "loss": 0.5, "lr": 0.05}
    return Progress(**{**values, "words_per_second": 100.0, **change})


def test_one_line_without_a_terminal():
    stream = io.StringIO()
    with TerminalListener(stream, seconds=3600) as show:
        show(progress())
        show(progress(done=600))  # too soon
        show(progress(done=1000, validation={"accuracy": 0.75}, epoch_end=True))
    lines = stream.getvalue().splitlines()
    assert lines == [
        "finetune  50.0%  epoch 1  loss 0.5000  lr 0.05000  100 words/s  eta 0:05",
        "finetune 100.0%  epoch 1  loss 0.5000  lr 0.05000  100 words/s  eta 0:00  valid accuracy 0.7500",
    ]
    assert "\x1b" not in stream.getvalue()
    assert "eta ?" in describe(progress(words_per_second=0.0))
    assert "eta 1:00:00" in describe(progress(words_per_second=1.0, total=4100))


def test_a_bar_in_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with TerminalListener(stream) as show:
        show(progress())
        show(progress(done=1000, validation={"accuracy": 0.75}, epoch_end=True))
    assert "loss 0.5000" in stream.getvalue() and "valid accuracy 0.7500" in stream.getvalue()


def test_event_files_hold_the_curves(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    dictionary, bags, options = finetuning(lines=40, epoch=3, single=True)
    seen = []
    with TensorBoardListener(tmp_path) as board:
        finetune(
            tables_for(dictionary, dictionary.nlabels), dictionary, bags, bags, options,
            engine=CPU, listeners=[board, seen.append],
        )  # fmt: skip
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == {
        f"finetune/{name}"
        for name in ("loss", "lr", "words_per_second", "valid_loss", "valid_accuracy", "valid_macro_f1")
    }
    loss = events.Scalars("finetune/loss")
    assert [e.step for e in loss] == [p.step for p in seen]
    assert [e.value for e in loss] == pytest.approx([p.loss for p in seen])
    accuracy = events.Scalars("finetune/valid_accuracy")
    assert [e.value for e in accuracy] == pytest.approx(
        [p.validation["accuracy"] for p in seen if p.validation]
    )


def test_of_a_hundred_epochs_a_twentieth_is_told():
    stream = io.StringIO()
    with TerminalListener(stream, seconds=3600) as show:
        for done in range(1, 101):
            show(Progress("finetune", done, done, 100, 1.0, 0.1, 10.0, {}, done - 1, True))
    lines = stream.getvalue().splitlines()
    assert 15 <= len(lines) <= 21 and "100.0%" in lines[-1]
