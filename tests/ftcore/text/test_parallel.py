"""Tokens by worker processes are those of one process, in order, with bounded memory; nothing is left behind."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from ftcore.base.workers import WorkerDied
from ftcore.config import Segment, Text
from ftcore.text import parallel
from ftcore.text.parallel import tokenized
from ftcore.text.tokenizer import Tokenizer, Whitespace

BATCHES = [[f"Good film {n}, 我爱北京天安门", "", "it's 3.5 GB!"] for n in range(12)]


def same(item):
    return item


def left() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("ftcore-*.json"))


def test_workers_cut_like_one_process(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("爱北京 50000\n", encoding="utf-8")
    tokenizer = Tokenizer(Text(segment=Segment(user_dict=[str(words)])))
    expected = [(batch, tokenizer.tokenize(batch)) for batch in BATCHES]
    assert "爱北京" in expected[0][1][0].split()
    words.unlink()  # the state has its content
    before = left()
    found = list(tokenized(iter(BATCHES), same, tokenizer, seconds=0, workers=2))
    assert found == expected and left() == before


def test_little_work_starts_no_worker(monkeypatch):
    monkeypatch.setattr(parallel, "open_pool", None)
    assert len(list(tokenized(BATCHES, same, Tokenizer(), seconds=60, workers=8))) == 12
    assert len(list(tokenized(BATCHES, same, Tokenizer(), seconds=0, workers=1))) == 12
    spaces = list(tokenized([["a  b"]] * 3, same, Whitespace(), seconds=0, workers=8))
    assert spaces == [(["a  b"], ["a  b"])] * 3


def test_items_are_read_as_they_are_needed():
    read = []

    def items():
        for batch in BATCHES:
            read.append(batch)
            yield batch

    found = tokenized(items(), same, Tokenizer(), seconds=0, workers=2)
    next(found), next(found)
    assert len(read) <= 1 + 4 + 1, "two a worker are open"
    before = left()
    found.close()
    assert len(left()) == len(before) - 1, "an end in the middle leaves nothing either"


def test_a_killed_worker_is_said(monkeypatch):
    monkeypatch.setattr(parallel, "TASK", f"{__name__}:die")
    with pytest.raises(WorkerDied, match="its worker died"):
        list(tokenized(BATCHES, same, Tokenizer(), seconds=0, workers=2))


def die(order):
    os.kill(os.getpid(), signal.SIGKILL)
