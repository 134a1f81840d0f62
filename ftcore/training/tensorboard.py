"""A listener that writes TensorBoard event files; `tensorboard --logdir DIR` shows them."""

from __future__ import annotations

from pathlib import Path

from ftcore.training.progress import Closable, Progress


class TensorBoardListener(Closable):
    """Scalars ``{stage}/loss``, ``/lr``, ``/words_per_second`` and ``/valid_{score}`` by update number.

    Args:
        directory: where the event files go; made if it is not there.

    Example:
        with TensorBoardListener("store/tensorboard/run1") as board:
            finetune(..., listeners=[board])
    """

    def __init__(self, directory: str | Path):
        from torch.utils.tensorboard import SummaryWriter  # 1 s to import, so only where it is wanted

        self.writer = SummaryWriter(str(directory))

    def __call__(self, progress: Progress) -> None:
        """Write the scalars of one report."""
        values = {"lr": progress.lr, "words_per_second": progress.words_per_second}
        if progress.loss == progress.loss:  # NaN before the first example
            values["loss"] = progress.loss
        values |= {f"valid_{name}": value for name, value in progress.validation.items()}
        for name, value in values.items():
            self.writer.add_scalar(f"{progress.stage}/{name}", value, progress.step)
        if progress.epoch_end:
            self.writer.flush()

    def close(self) -> None:
        """Flush and close the event file."""
        self.writer.close()
