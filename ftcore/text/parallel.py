"""Raw texts to tokens on every core: by this process as long as there is little, by worker processes after that.

Segmentation is Python, of which one process runs on one core. A worker takes a second to start, so that few texts
are cut here.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from ftcore.base.cores import cores
from ftcore.base.threads import ahead
from ftcore.base.workers import open_pool
from ftcore.text.tokenizer import Tokenizer, Whitespace

Item = TypeVar("Item")
SECONDS = 1.5  # of work before workers are started
TASK = f"{__name__}:cut"


def tokenized(
    items: Iterable[Item],
    texts: Callable[[Item], Sequence[str]],
    tokenizer: Tokenizer | Whitespace,
    *,
    seconds: float = SECONDS,
    workers: int | None = None,
) -> Iterator[tuple[Item, list[str]]]:
    """Each item in its order with the tokens of its texts; a few items a worker are held.

    Args:
        items: batches of rows, for example.
        texts: an item's texts.
        seconds: of work until workers start.
        workers: how many; default one a core, 1: none.

    Raises:
        WorkerDied: a worker was killed.

    Example:
        >>> list(tokenized([["Good film!"], []], lambda item: item, Tokenizer()))
        [(['Good film!'], ['good film']), ([], [])]
    """
    rest, workers = iter(items), cores() if workers is None else workers
    alone = workers < 2 or isinstance(tokenizer, Whitespace)
    begin = time.perf_counter()
    for item in rest:
        yield item, tokenizer.tokenize(texts(item))
        if not alone and time.perf_counter() - begin > seconds:
            break
    else:
        return
    handle, path = tempfile.mkstemp(prefix="ftcore-", suffix=".json")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(tokenizer.state(), file)
        with open_pool(workers) as pool:
            assert pool is not None
            work = lambda item: (item, pool.run(TASK, [path, list(texts(item))]))  # noqa: E731
            yield from ahead(work, ((item,) for item in rest), workers)
    finally:
        Path(path).unlink(missing_ok=True)


def cut(order: tuple[str, list[str]]) -> list[str]:
    """The life of a worker: tokens of some texts, by the tokenizer whose state lies at a path."""
    path, texts = order
    return _tokenizer(path).tokenize(texts)


@lru_cache(maxsize=1)
def _tokenizer(path: str) -> Tokenizer | Whitespace:
    return Tokenizer.from_state(json.loads(Path(path).read_text(encoding="utf-8")))
