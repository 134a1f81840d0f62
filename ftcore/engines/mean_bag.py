"""``EmbeddingBag(mode="mean")`` over the engine's kernels, with an optimizer in its backward pass.

Example:
    bags = MeanBag(1_000_000, 100, update="adagrad", lr=0.05).cuda()    # in place of EmbeddingBag
    loss = criterion(head(bags(ids, offsets)), labels)
    loss.backward()       # has moved the rows of these bags; the table gets no gradient
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ftcore.engines.cuda import ops
from ftcore.errors import InvalidOptions

UPDATES = ("none", "sgd", "adagrad")


class MeanBag(nn.Module):
    """The mean of each bag's rows; a drop-in for ``torch.nn.EmbeddingBag(mode="mean")``, with the same state.

    Args:
        num_embeddings: R, rows.
        embedding_dim: D, floats of each.
        padding_idx: A row that is in no mean and never moves.
        include_last_offset: Whether `offsets` names the end of the last bag too.
        update: ``none``: the table gets a gradient, for any optimizer. ``sgd``, ``adagrad``: the backward pass itself
            moves the rows that occur, and no gradient of the table is ever made; other parameters keep their optimizer.
        lr: Of the update; may be changed between steps.
        eps: Of adagrad.
        device: Of the table.

    Raises:
        UserError: Another update.

    Example:
        >>> made = MeanBag(10, 4)
        >>> made(torch.tensor([1, 2, 3]), torch.tensor([0, 2])).shape
        torch.Size([2, 4])
    """

    weight: nn.Parameter
    squares: Tensor | None

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        include_last_offset: bool = False,
        update: str = "none",
        lr: float = 0.05,
        eps: float = 1e-10,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        if update not in UPDATES:
            raise InvalidOptions(f"update={update!r} is not known; choose {', '.join(UPDATES)}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx, self.include_last_offset = padding_idx, include_last_offset
        self.update, self.lr, self.eps = update, lr, eps
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim, device=device))
        state = torch.zeros_like(self.weight.detach()) if update == "adagrad" else None
        self.register_buffer("squares", state, persistent=False)
        nn.init.normal_(self.weight)
        if padding_idx is not None:
            with torch.no_grad():
                self.weight[padding_idx].zero_()

    @classmethod
    def of(cls, bag: nn.EmbeddingBag, update: str = "none", lr: float = 0.05) -> MeanBag:
        """One with the table of an ``EmbeddingBag``, which is shared.

        Raises:
            UserError: another mode than mean, or a ``max_norm``.
        """
        for name, wanted in (("mode", "mean"), ("max_norm", None)):
            if getattr(bag, name) != wanted:
                raise InvalidOptions(f"{name}={getattr(bag, name)!r}: MeanBag has {name}={wanted!r} alone")
        made = cls(1, 1, None, bag.include_last_offset, update, lr)
        made.num_embeddings, made.embedding_dim = bag.num_embeddings, bag.embedding_dim
        assert isinstance(bag.weight, nn.Parameter)
        made.padding_idx, made.weight = bag.padding_idx, bag.weight
        if update == "adagrad":
            made.register_buffer("squares", torch.zeros_like(bag.weight.detach()), persistent=False)
        return made

    def forward(self, input: Tensor, offsets: Tensor | None = None) -> Tensor:
        """The means: [B, D].

        Args:
            input: int[N] rows, or int[B, L] bags of one size.
            offsets: int[B], where each bag starts; [B + 1] with `include_last_offset`. None of bags of one size.
        """
        ids, ends = self._bags(input, offsets)
        padding = ops.NO_PADDING if self.padding_idx is None else self.padding_idx % self.num_embeddings
        if self.update == "none" or not torch.is_grad_enabled():
            return ops.bag_mean(self.weight, ids, ends, padding)
        return _Updating.apply(self.weight, self.squares, ids, ends, padding, self.lr, self.eps)

    def _bags(self, input: Tensor, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        if (input.dim() == 2) == (offsets is not None):
            raise InvalidOptions(
                f"input has {input.dim()} dimensions and offsets are {'' if offsets is not None else 'not '}given: "
                "give ids [N] with offsets, or bags [B, L] without"
            )
        if offsets is None:
            ends = torch.arange(input.shape[0] + 1, device=input.device) * input.shape[1]
            return input.reshape(-1), ends
        offsets = offsets.long()
        if self.include_last_offset:
            return input, offsets
        return input, torch.cat([offsets, offsets.new_full((1,), input.shape[0])])

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.num_embeddings}, {self.embedding_dim}, update={self.update}"


class _Updating(torch.autograd.Function):
    """`ops.bag_mean` whose backward pass moves the table."""

    @staticmethod
    def forward(
        ctx: Any,
        table: Tensor,
        squares: Tensor | None,
        ids: Tensor,
        offsets: Tensor,
        padding: int,
        lr: float,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(ids, offsets)
        ctx.table, ctx.squares, ctx.how = table.detach(), squares, (padding, lr, eps)
        return ops.bag_mean(table.detach(), ids, offsets, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        ids, offsets = ctx.saved_tensors
        padding, lr, eps = ctx.how
        if ctx.squares is None:
            ops.bag_sgd(ctx.table, ids, offsets, grad, padding, lr)
        else:
            ops.bag_adagrad(ctx.table, ctx.squares, ids, offsets, grad, padding, lr, eps)
        return None, None, None, None, None, None, None
