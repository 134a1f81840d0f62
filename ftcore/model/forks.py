"""torch in a forked child (`os.fork`, multiprocessing's "fork"): one thread, so that nothing waits for ever.

Where the parent has used torch's OpenMP threads, the child inherits the belief that they exist, but not the
threads: its first parallel call waits for them without end. With one thread torch never asks for them.
(torch's own DataLoader does the same in its workers.) Whoever forks wants processes that work beside one
another anyway. ftcore's own threads end with the call that started them.
"""

from __future__ import annotations

import os

import torch


def _one_thread() -> None:
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # where there is no fork there is nothing to mend
    os.register_at_fork(after_in_child=_one_thread)
