import doctest
import importlib

import pytest

MODULES = [
    f"evaluation.{name}"
    for name in (
        "metrics",
        "similarity",
        "significance",
        "comparison",
        "labels",
        "promotion",
    )
]
MODULES += [f"report.{name}" for name in ("pages", "charts", "run_page", "compare_page")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    found = doctest.testmod(importlib.import_module(f"ftcore.{name}"))
    assert found.attempted and not found.failed
