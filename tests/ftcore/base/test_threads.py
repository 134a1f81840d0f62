"""Calls on threads: in order, few at a time, and none begun for one who has gone."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from ftcore.base.threads import ahead, at_once


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


def test_calls_on_threads_see_the_callers_context():
    """What a flow sets for its own, such as where its log goes, holds for the threads that it begins."""
    run: ContextVar[str] = ContextVar("run", default="none")
    run.set("mine")
    assert list(ahead(lambda _: run.get(), ((n,) for n in range(5)), 2)) == ["mine"] * 5
    assert at_once(lambda _: run.get(), range(5), 2) == ["mine"] * 5


def test_all_calls_at_once_come_in_order():
    gate = threading.Event()

    def call(number: int) -> int:
        if number:
            gate.set()
        else:
            assert gate.wait(10), "the first waits for a later one"
        return number * number

    assert at_once(call, range(4), 2) == [0, 1, 4, 9] and at_once(call, [], 2) == []
