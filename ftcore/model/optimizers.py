"""Optimisers and gradient clipping for tables with sparse gradients.

torch's Adam refuses sparse gradients, SparseAdam refuses dense ones, and ``clip_grad_norm_`` fails on
sparse tensors. A `FastText(sparse=True)` model therefore trains with two optimisers::

    optimizers = split_optimizers(model, lr=0.01)
    for texts, labels in loader:
        loss = model.nll_loss(model.log_prob(texts), labels)
        for optimizer in optimizers: optimizer.zero_grad()
        loss.backward()
        clip_gradients(model.parameters(), 1.0)
        for optimizer in optimizers: optimizer.step()
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ftcore.model.module import TwoTables


def split_optimizers(
    model: nn.Module, lr: float, head_lr: float | None = None
) -> list[torch.optim.Optimizer]:
    """SparseAdam for the input table and Adam for everything else (Adam alone when not sparse).

    Args:
        model: a `FastText` or a `TwoTables` (or any module that holds one).
        lr: learning rate of the table.
        head_lr: of the rest; default ``lr``.
    """
    tables = next(m for m in model.modules() if isinstance(m, TwoTables))
    rest = [p for p in model.parameters() if p is not tables.input]
    table = (torch.optim.SparseAdam if tables.sparse else torch.optim.Adam)([tables.input], lr=lr)
    return [table, torch.optim.Adam(rest, lr=lr if head_lr is None else head_lr)]


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients so that their joint 2-norm is at most ``max_norm``; returns the norm before.

    Like ``torch.nn.utils.clip_grad_norm_``, and for sparse gradients as well.
    """
    grads = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:  # equal rows must be added up before their norm means anything
            parameter.grad = parameter.grad.coalesce()
            grads.append(parameter.grad.values())
        else:
            grads.append(parameter.grad)
    if not grads:
        return torch.zeros(())
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(scale)
    return norm.detach()
