"""For each function, class and method of the native module a maker of arguments that fit (see `fuzzing`)."""

from __future__ import annotations

from tests.ftcore.native import (  # noqa: F401 - they enter themselves
    makers_formats,
    makers_inference,
    makers_lexicon,
    makers_pretrain,
    makers_text,
    makers_training,
)
from tests.ftcore.native.makers import MAKERS

__all__ = ["MAKERS"]
