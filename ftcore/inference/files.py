"""Predictions for files of any size: read in blocks, computed on threads, written in order, whole or not at all.

Memory is a few blocks for each thread, however large the file. The output appears under its name when it is
complete; a run that was killed leaves nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from ftcore.base.files import atomic_file
from ftcore.base.threads import ahead
from ftcore.dictionary.dictionary import label_bytes
from ftcore.dictionary.lines import Block, Lines
from ftcore.errors import UserError
from ftcore.inference.predict import Predictions, Predictor

Progress = Callable[[int], Any]  # told how many lines are done


def predict_blocks(
    predictor: Predictor, blocks: Iterable[Block], k: int = 1, threshold: float = 0.0
) -> Iterator[Predictions]:
    """Predictions of each block's lines, in order (``Lines(path).blocks()`` gives blocks).

    Raises:
        UserError: a k that is neither -1 nor at least 1, or an input that cannot be read.
    """
    predictor.check(k)
    yield from ahead(
        lambda block: predictor.from_text(block(), k, threshold), ((b,) for b in blocks), predictor.threads
    )


def predict_file(
    predictor: Predictor,
    input: Any,
    output: str | Path,
    k: int = 1,
    threshold: float = 0.0,
    *,
    scores: bool = True,
    progress: Progress | None = None,
) -> int:
    """Write each line's labels as ``L1 p1 L2 p2`` (fastText's ``predict-prob``); returns the number of lines.

    Args:
        input: whatever `Lines` takes: a path (plain, .gz, .bz2, .xz, .zst), several, or lines. A word ``</s>``
            ends a line; what follows it is left out, so that output and input have as many lines.
        output: path; packed if it ends in .gz or .zst. A line without any label is empty.
        scores: False leaves them out (``predict``).
        progress: called with the number of lines done, after each block.

    Raises:
        UserError: an unreadable input, a k that makes no sense, a full disk, an output that is the input.

    Example:
        ``predict_file(Predictor(read_binary("model.bin")), "in.txt.zst", "labels.txt", k=3)``
    """
    lines = Lines(input)
    refuse_same(lines.paths or (), output)
    names = [label_bytes(name) for name in predictor.names]
    done = 0
    with _packing(output) as file:
        for found in predict_blocks(predictor, lines.blocks(), k, threshold):
            file.write(format_lines(found, names, scores))
            done += len(found)
            if progress is not None:
                progress(done)
    return done


def refuse_same(inputs: Iterable[Path], output: str | Path) -> None:
    """An output that is an input would be read and lost."""
    for path in inputs:
        if Path(output).exists() and path.exists() and Path(output).samefile(path):
            raise UserError(f"{output} is the input; give the output another name")


def format_lines(found: Predictions, names: list[bytes], scores: bool) -> bytes:
    """``L1 p1 L2 p2`` (or ``L1 L2``) of every line, as the original prints predictions."""
    words = [names[i] for i in found.labels.tolist()]
    if scores:
        words = [b"%b %.6g" % pair for pair in zip(words, found.scores.tolist(), strict=True)]
    if len(words) == len(found) and (found.offsets[1:] - found.offsets[:-1] == 1).all():
        return b"\n".join([*words, b""])
    cuts = found.offsets.tolist()
    return b"".join(b" ".join(words[a:b]) + b"\n" for a, b in zip(cuts[:-1], cuts[1:], strict=True))


@contextmanager
def _packing(path: str | Path) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        file: Any = stack.enter_context(atomic_file(path))
        if str(path).endswith(".gz"):
            import gzip

            file = stack.enter_context(gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0))
        elif str(path).endswith(".zst"):
            import pyarrow as pa

            sink = pa.PythonFile(_Kept(file), mode="w")
            file = stack.enter_context(pa.CompressedOutputStream(sink, "zstd"))
        yield file


class _Kept:
    """A file that Arrow may close without closing it: `atomic_file` has still to flush it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write, self.flush, self.closed = file.write, file.flush, False

    def close(self) -> None:
        self.closed = True
