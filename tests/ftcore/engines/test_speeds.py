"""What `auto` takes: never an engine that was measured to be slower than another one that runs here."""

import pytest
import torch

from ftcore.engines import choice, speeds
from ftcore.engines.choice import choose_engine
from ftcore.engines.speeds import SPEEDS, WORKS, Speed, ranked


@pytest.fixture
def card(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda n: "A Card")


@pytest.mark.parametrize("work", WORKS)
def test_owning_a_gpu_slows_nothing_down(card, work):
    taken = choose_engine("auto", "auto", work)
    best = max(SPEEDS, key=lambda speed: speed.tokens[work])
    assert (taken.name, taken.device) == ("cpu", "cpu") == (best.engine, best.device)
    assert (
        "A Card" in taken.reason and f"{best.tokens[work]:,}" in taken.reason and "reference" in taken.reason
    )


def test_each_kind_of_work_has_its_own_answer(card, monkeypatch):
    quick = Speed("reference", "cuda", "a card", {"skipgram": 10**9, "cbow": 1, "supervised": 10**9})
    monkeypatch.setattr(speeds, "SPEEDS", (*SPEEDS, quick))
    assert choose_engine("auto", "auto", "skipgram").device == "cuda:0"
    assert choose_engine("auto", "auto", "cbow").name == "cpu"
    assert choose_engine("auto", "cpu", "skipgram").name == "cpu"


def test_a_device_that_is_asked_for_is_kept(card):
    taken = choose_engine("auto", "cuda", "supervised")
    assert (taken.name, taken.device) == ("reference", "cuda:0")


def test_every_engine_of_the_table_exists_and_knows_every_work():
    assert {speed.engine for speed in SPEEDS} <= set(choice.ENGINES)
    assert all(set(speed.tokens) == set(WORKS) for speed in SPEEDS)
    assert {speed.device for speed in ranked("cbow", ("cpu",))} == {"cpu"}
