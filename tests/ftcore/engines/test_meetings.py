"""When rows of processes that train apart are put together, and how far they move then."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ftcore.engines import meetings
from ftcore.engines.meetings import Meetings, rounds


class Group:
    """Two processes in one: `exchange` adds what the other has moved the same rows by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, updates: list[float], rows: int = 4) -> None:
        self.sent: list[Tensor] = []
        monkeypatch.setattr(meetings, "exchange", self._keep)
        pace = np.array(updates, np.float32) / 100
        self.tables = [torch.zeros(rows, 2), torch.zeros(rows, 2)]
        self.one = Meetings(self.tables, (pace, pace), 100, 2, "cpu", updates=200)

    def _keep(self, motion: Tensor) -> None:
        self.sent.append(motion.clone())
        motion *= 2  # the other has done the same


def test_rows_meet_as_often_as_they_are_updated(monkeypatch):
    group = Group(monkeypatch, [500.0, 60.0, 1e-6, 0.0])
    for number in range(1, 5):
        group.tables[0] += torch.tensor([[1.0], [1.0], [1.0], [0.0]])
        group.one.meet(1e-9)
        assert [len(one) for one in group.sent] == ([1, 1] if number % 2 else [2, 2]), number
        group.sent.clear()
    assert group.tables[0][:, 0].tolist() == pytest.approx([8, 8, 4, 0]), (
        "the rarest stays what this process made of it"
    )
    group.one.end()
    assert group.tables[0][:, 0].tolist() == pytest.approx([8, 8, 8, 0])


def test_a_row_that_went_all_the_way_ends_at_the_mean(monkeypatch):
    group = Group(monkeypatch, [500.0, 500.0, 0.0, 0.0])
    group.tables[0] += 1
    group.one.meet(1e6)
    assert group.tables[0][:2, 0].tolist() == pytest.approx([1, 1])


def test_the_way_since_a_row_s_own_meeting_counts(monkeypatch):
    """Two rounds of half the way are one of the whole."""
    group = Group(monkeypatch, [60.0] * 4)
    group.tables[0] += 1
    group.one.meet(0.4)
    group.one.meet(0.4)
    once = Group(monkeypatch, [60.0] * 4)
    once.tables[0] += 1
    once.one.meet(0.0)
    once.one.meet(0.8)
    assert torch.allclose(group.tables[0], once.tables[0])


def test_all_processes_are_at_one_rate_and_draw_apart():
    done = np.array([0, 10, 22, 30, 40])
    two = [list(rounds(done, rank, 2, lambda at: 1 - at / 40, np.random.default_rng(3))) for rank in range(2)]
    assert [[one.share for one in own] for own in two] == [[0, 2], [1, 3]]
    assert [[one.rate(0) for one in own] for own in two] == [[1.0, 1 - 22 / 40]] * 2
    assert two[0][0].way == two[1][0].way == 11 * meetings.CONTRACTION
    assert two[0][0].draws.random() != two[1][0].draws.random()
