"""Calls on threads: in order, few at a time, and none begun for one who has gone."""

from __future__ import annotations

import threading

import pytest

from ftcore.base.threads import ahead


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_and_few_calls_are_open(threads):
    asked = []

    def given():
        for i in range(40):
            asked.append(i)
            yield i, 2

    for place, found in enumerate(ahead(pow, given(), threads)):
        assert found == place**2 and len(asked) <= place + 2 * threads + 1


def test_what_has_not_begun_is_dropped_where_a_call_fails():
    begun, go = [], threading.Event()

    def work(i: int) -> None:
        begun.append(i)
        if i == 0:
            raise ValueError("first")
        go.wait(5)

    calls = ahead(work, ((i,) for i in range(4)), 2)
    with pytest.raises(ValueError, match="first"):
        threading.Timer(0.3, go.set).start()
        next(calls)
    assert len(begun) < 4
