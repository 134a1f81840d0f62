"""A bag's mean as operations of torch: autograd, ``torch.compile`` and ``torch.export`` see through them.

On a GPU the kernels run, elsewhere (and with `torch.use_deterministic_algorithms`) their twins. Triton is imported
by the first call on a GPU. Shapes: R rows of D floats, B bags of N ids, offsets int64[B + 1].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ftcore.engines.cuda import twins_of_bags as twins

NO_PADDING = -1


@torch.library.custom_op("ftcore::bag_mean", mutates_args=())
def bag_mean(table: Tensor, ids: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """The mean of each bag's rows without those equal to `padding`: float32[B, D]; 0 of an empty bag."""
    if _on_gpu(table):
        from ftcore.engines.cuda.launch_bags import launch_mean

        return launch_mean(table.contiguous(), ids, offsets, padding)
    return twins.mean(table, ids, offsets, padding)


@bag_mean.register_fake
def _(table: Tensor, ids: Tensor, offsets: Tensor, padding: int) -> Tensor:
    return table.new_empty(offsets.shape[0] - 1, table.shape[1])


@torch.library.custom_op("ftcore::bag_gradient", mutates_args=())
def bag_gradient(grad: Tensor, ids: Tensor, offsets: Tensor, padding: int, rows: int) -> Tensor:
    """What `bag_mean` hands back to its table: float32[R, D] of the gradient float32[B, D] of the means."""
    table = grad.new_zeros(rows, grad.shape[1])
    _scatter(table, ids, offsets, grad, 1.0, padding)
    return table


@bag_gradient.register_fake
def _(grad: Tensor, ids: Tensor, offsets: Tensor, padding: int, rows: int) -> Tensor:
    return grad.new_empty(rows, grad.shape[1])


@torch.library.custom_op("ftcore::bag_sgd", mutates_args=("table",))
def bag_sgd(table: Tensor, ids: Tensor, offsets: Tensor, grad: Tensor, padding: int, lr: float) -> None:
    """A step of SGD by the gradient of the means; only rows of the bags are touched, no gradient of the table made."""
    _scatter(table, ids, offsets, grad, -lr, padding)


@bag_sgd.register_fake
def _(table: Tensor, ids: Tensor, offsets: Tensor, grad: Tensor, padding: int, lr: float) -> None:
    pass


@torch.library.custom_op("ftcore::bag_adagrad", mutates_args=("table", "state"))
def bag_adagrad(
    table: Tensor,
    state: Tensor,
    ids: Tensor,
    offsets: Tensor,
    grad: Tensor,
    padding: int,
    lr: float,
    eps: float,
) -> None:
    """A step of Adagrad, equal to torch's; `state` float32[R, D] holds the sums of squared gradients."""
    found = twins.occurrences(ids, offsets, padding)
    each = (grad / found.sizes[:, None]).contiguous()
    if _on_gpu(table):
        from ftcore.engines.cuda.launch_bags import launch_adagrad

        launch_adagrad(table, state, twins.segments(found), each, lr, eps)
    else:
        twins.adagrad(table, state, twins.segments(found), each, lr, eps)


@bag_adagrad.register_fake
def _(
    table: Tensor,
    state: Tensor,
    ids: Tensor,
    offsets: Tensor,
    grad: Tensor,
    padding: int,
    lr: float,
    eps: float,
) -> None:
    pass


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:
    table, ids, offsets, padding = inputs
    ctx.save_for_backward(ids, offsets)
    ctx.padding, ctx.rows = padding, table.shape[0]


def _back(ctx: Any, grad: Tensor) -> tuple:
    ids, offsets = ctx.saved_tensors
    return bag_gradient(grad.contiguous(), ids, offsets, ctx.padding, ctx.rows), None, None, None


bag_mean.register_autograd(_back, setup_context=_keep)


def _on_gpu(table: Tensor) -> bool:
    return table.is_cuda and not torch.are_deterministic_algorithms_enabled()


def _scatter(table: Tensor, ids: Tensor, offsets: Tensor, grad: Tensor, scale: float, padding: int) -> None:
    if _on_gpu(table):
        from ftcore.engines.cuda.launch_bags import launch_scatter

        launch_scatter(table, ids, offsets, grad.contiguous(), scale, padding)
    else:
        twins.scatter(table, ids, offsets, grad, scale, padding)
