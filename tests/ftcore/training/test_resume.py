"""Same seed, same bytes; and a training that was stopped at any chunk ends as one that never stopped."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
import xxhash
from safetensors.torch import load_file, save_file

from ftcore.engines.choice import choose_engine
from ftcore.engines.cpu.engine import Cpu
from ftcore.engines.reference.engine import Reference
from ftcore.training import finetune as finetune_module
from ftcore.training import pretrain as pretrain_module
from ftcore.training.checkpoints import Checkpoint, State
from ftcore.training.pretrain import chunk_borders, chunk_tokens, lines_of_epoch
from tests.ftcore.engines.small import finetuning, pretraining, tables_for
from tests.trained import finetune, pretrain

CPU = choose_engine("reference", "cpu")
ENGINES = pytest.mark.parametrize("engine", ["cpu", "reference"])


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(pretrain_module, "chunk_tokens", lambda *about: 60)
    monkeypatch.setattr(finetune_module, "_CHUNK", 2000)
    monkeypatch.setattr(Cpu, "speed", 1)


def run_pretrain(seed=0, listeners=(), checkpoint=None, engine=CPU, epoch_tokens=None, **options):
    dictionary, corpus, settings = pretraining(**{"epoch": 2, "batch_size": 4, "lr": 0.2, **options})
    tables = tables_for(dictionary, dictionary.nwords)
    if epoch_tokens:
        corpus = replace(corpus, total=np.array([epoch_tokens]))
    return pretrain(
        tables, dictionary, corpus, settings,
        seed=seed, engine=engine, listeners=listeners, checkpoint=checkpoint, whole=epoch_tokens is not None,
    )  # fmt: skip


def run_finetune(seed=0, listeners=(), checkpoint=None, engine=CPU, **options):
    # patience, the best epoch and dropout are state too
    dictionary, train, settings = finetuning(
        **{"epoch": 3, "batch_size": 4, "lr": 2.0, "dropout": 0.1, "patience": 2, "loss": "ns", **options}
    )
    valid = train.take(np.arange(10))
    tables = tables_for(dictionary, dictionary.nlabels)
    return finetune(
        tables, dictionary, train, valid, settings,
        seed=seed, engine=engine, listeners=listeners, checkpoint=checkpoint,
    )  # fmt: skip


def content(result):
    tables = [result.tables.input.detach().numpy().tobytes(), result.tables.output.detach().numpy().tobytes()]
    return tables, result.history, result.best_epoch, result.updates, result.tokens


@ENGINES
@pytest.mark.parametrize("run", [run_pretrain, run_finetune])
def test_same_seed_same_bytes(run, engine, small_chunks):
    engine = choose_engine(engine, "cpu")
    assert content(run(engine=engine)) == content(run(engine=engine))
    assert content(run(engine=engine))[0] != content(run(engine=engine, seed=1))[0]


class StopAfter:
    """A listener that fails at the n-th report."""

    def __init__(self, chunks, error):
        self.left, self.error = chunks, error

    def __call__(self, progress):
        self.left -= 1
        if self.left == 0:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("killed")])
@ENGINES
@pytest.mark.parametrize("run", ["run_pretrain", "run_finetune", "run_round"])
def test_resuming_at_any_chunk_gives_the_same_bytes(run, engine, error, small_chunks, tmp_path):
    reports, run = [], globals()[run]
    engine = choose_engine(engine, "cpu")
    whole = content(run(engine=engine, listeners=[reports.append]))
    assert len(reports) > 6
    for stop in range(1, len(reports) + 1):
        directory = tmp_path / f"{stop}"
        with pytest.raises(type(error)):
            run(
                engine=engine, listeners=[StopAfter(stop, error)], checkpoint=Checkpoint(directory, seconds=0)
            )
        again = run(engine=engine, checkpoint=Checkpoint(directory, seconds=3600))
        # a crash in a listener loses its own chunk, Ctrl-C does not
        assert again.resumed == (stop > 1 or isinstance(error, KeyboardInterrupt))
        assert content(again) == whole


class Slow(Reference):
    """Sends itself Ctrl-C in the middle of a chunk."""

    def __init__(self, chunk, times=1):
        super().__init__("cpu")
        self.left, self.times = chunk, times

    def pretrain_lines(self, *args):
        self.left -= 1
        if self.left == 0:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
        return super().pretrain_lines(*args)


def test_ctrl_c_ends_the_chunk_saves_and_is_raised(small_chunks, tmp_path):
    whole = content(run_pretrain())
    handler = signal.getsignal(signal.SIGINT)
    checkpoint = Checkpoint(tmp_path, seconds=3600)
    with pytest.raises(KeyboardInterrupt):
        run_pretrain(engine=Slow(3), checkpoint=checkpoint)
    assert signal.getsignal(signal.SIGINT) is handler
    assert checkpoint_position(tmp_path)["chunk"] == 3
    assert content(run_pretrain(checkpoint=checkpoint)) == whole


def test_a_second_ctrl_c_does_not_wait(small_chunks, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_pretrain(engine=Slow(3, times=2), checkpoint=Checkpoint(tmp_path, seconds=3600))
    assert not (tmp_path / "checkpoint.json").exists()


def test_a_handler_of_someone_else_stays(small_chunks, tmp_path):
    asked = []
    before = signal.signal(signal.SIGINT, lambda *args: asked.append(1))
    try:
        run_pretrain(engine=Slow(3), checkpoint=Checkpoint(tmp_path, seconds=3600))
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == [1]


def checkpoint_position(directory):
    return json.loads((directory / "checkpoint.json").read_text())["position"]


def test_other_options_data_or_seed_start_anew(small_chunks, tmp_path, caplog):
    run_pretrain(checkpoint=Checkpoint(tmp_path, seconds=0))
    for change in ({"seed": 1}, {"lr": 0.1}, {"lines": 41}):
        caplog.clear()
        assert not run_pretrain(checkpoint=Checkpoint(tmp_path, seconds=3600), **change).resumed
        assert "other data or options" in caplog.text
    assert run_pretrain(checkpoint=Checkpoint(tmp_path, seconds=3600)).resumed


@pytest.mark.parametrize("damage", ["cut", "flip", "json", "missing", "empty"])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(damage, small_chunks, tmp_path, caplog):
    whole = content(run_finetune())
    with pytest.raises(KeyboardInterrupt):
        run_finetune(
            listeners=[StopAfter(3, KeyboardInterrupt())], checkpoint=Checkpoint(tmp_path, seconds=0)
        )
    (tensors,) = tmp_path.glob("tables-*.safetensors")
    data = tensors.read_bytes()
    if damage == "cut":
        tensors.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        tensors.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
    elif damage == "missing":
        tensors.unlink()
    elif damage == "json":
        (tmp_path / "checkpoint.json").write_text('{"key": ')
    else:
        (tmp_path / "checkpoint.json").write_text("[]")
    again = run_finetune(checkpoint=Checkpoint(tmp_path, seconds=3600))
    assert not again.resumed and content(again) == whole
    assert "damaged" in caplog.text and "from the beginning" in caplog.text


@pytest.mark.parametrize(
    "edit",
    [
        {"epoch": 10**9}, {"epoch": -1}, {"chunk": "2"}, {"chunk": 1.5}, {"tokens": None}, {"loss": [1]}, {"history": [1]},
        {"history": None}, {"best_epoch": None}, {"best_score": [1.0]}, {"stopped_early": "no"}, {"seconds": -1.0},
        None, [], "tables", "names",
    ],
)  # fmt: skip
def test_an_edited_checkpoint_is_ignored_with_a_warning(edit, small_chunks, tmp_path, caplog):
    """The position is not under the checksum, and whoever edits tables may renew theirs."""
    whole = content(run_finetune())
    with pytest.raises(KeyboardInterrupt):
        run_finetune(
            listeners=[StopAfter(3, KeyboardInterrupt())], checkpoint=Checkpoint(tmp_path, seconds=0)
        )
    path = tmp_path / "checkpoint.json"
    mark = json.loads(path.read_text())
    if isinstance(edit, str):
        tensors = load_file(tmp_path / mark["file"])
        changed = {"input": tensors["input"][:-1]} if edit == "tables" else {"inputs": tensors.pop("input")}
        save_file({**tensors, **changed}, tmp_path / mark["file"])
        mark["xxh3_128"] = xxhash.xxh3_128((tmp_path / mark["file"]).read_bytes()).hexdigest()
    else:
        mark["position"] = {**mark["position"], **edit} if isinstance(edit, dict) else edit
    path.write_text(json.dumps(mark))
    again = run_finetune(checkpoint=Checkpoint(tmp_path, seconds=3600))
    assert not again.resumed and content(again) == whole
    assert "damaged" in caplog.text and "from the beginning" in caplog.text


def test_a_full_disk_costs_the_checkpoint_not_the_training(small_chunks, tmp_path, monkeypatch, caplog):

    whole = content(run_pretrain())

    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    assert content(run_pretrain(checkpoint=Checkpoint(tmp_path, seconds=0))) == whole
    assert "No space left" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_one_before(tmp_path, monkeypatch):
    from ftcore.training import checkpoints

    checkpoint = Checkpoint(tmp_path)
    first, second = ({"a": torch.full((2,), float(n))} for n in (1, 2))
    assert checkpoint.save(State(first, {"n": 1}), "k")
    settle = checkpoints._settle

    def torn(temporary, final):
        if final.suffix == ".json":
            raise OSError("torn")
        settle(temporary, final)

    monkeypatch.setattr(checkpoints, "_settle", torn)
    assert not checkpoint.save(State(second, {"n": 2}), "k")
    monkeypatch.undo()
    state = checkpoint.load("k")
    assert state.position == {"n": 1} and state.tensors["a"].tolist() == [1, 1]
    assert checkpoint.save(State(second, {"n": 2}), "k")
    assert checkpoint.load("k").position == {"n": 2}
    assert len(list(tmp_path.iterdir())) == 2  # the older tables are gone
    checkpoint.clear()
    assert checkpoint.load("k") is None and list(tmp_path.iterdir()) == []


def run_round(**options):
    """Epochs that end in the middle of the corpus, as the original's do where words are unknown."""
    return run_pretrain(epoch_tokens=300, **options)


def test_an_epoch_goes_round_the_corpus_as_often_as_it_takes():
    offsets = np.array([0, 3, 3, 10, 11, 30])
    borders = chunk_borders(offsets, 10)
    once = lines_of_epoch(offsets, borders, 0, 30)
    assert once == [range(borders[k], borders[k + 1]) for k in range(len(borders) - 1)]
    read = []
    for epoch in range(4):  # of 77 tokens: the lines follow one another without a gap
        for chunk in lines_of_epoch(offsets, borders, 77 * epoch, 77 * (epoch + 1)):
            assert len(chunk) > 0
            read += chunk
    assert [line for line in read if line != 1] == [line for _ in range(11) for line in (0, 2, 3, 4)][:-2]
    assert run_round().tokens == pytest.approx(600, abs=10)


def test_chunks_cover_all_lines_once():
    offsets = np.array([0, 3, 3, 10, 11, 30])
    assert chunk_borders(offsets, 10) == [0, 3, 5]
    assert chunk_borders(np.array([0]), 10) == [0]
    borders = chunk_borders(np.arange(0, 5001, 7), 100)
    assert borders[0] == 0 and borders[-1] == 714 and sorted(set(borders)) == borders
    _, _, options = pretraining()
    assert 1024 <= chunk_tokens(options.model_copy(update={"neg": 1000, "ws": 1000})) < 2000
    # a quick engine: half a million tokens, an eighth of a small corpus, and never a handful
    assert [chunk_tokens(options, n, 16) for n in (10**9, 10**6, 100)] == [1 << 19, 125_000, 2048]
