"""Modules that later stages need, imported beside a training, which computes outside Python on its own cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

EVALUATION = (  # seconds together
    "sklearn.svm",
    "sklearn.multiclass",
    "matplotlib.figure",
    "matplotlib.font_manager",
    "matplotlib.backends.backend_agg",
    "mlflow.pyfunc",
)


@contextmanager
def imported_meanwhile(modules: tuple[str, ...] = EVALUATION) -> Iterator[None]:
    """Import `modules` in a thread while the block runs; what is left when it ends is imported where it is needed.

    The thread has ended when the block has: an interpreter that ends while a thread imports may crash.
    """
    over = threading.Event()

    def work() -> None:
        for name in modules:
            if over.is_set():
                return
            with suppress(ImportError):  # told where it is needed
                import_module(name)

    thread = threading.Thread(target=work, daemon=True, name="imports")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
