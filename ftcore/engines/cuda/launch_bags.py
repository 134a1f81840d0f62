"""The calls of `bag_kernels`. Needs torch and Triton alone."""

from __future__ import annotations

import torch
from torch import Tensor

from ftcore.engines.cuda import bag_kernels
from ftcore.engines.cuda.launch import shape
from ftcore.engines.cuda.twins_of_bags import Segments

PROGRAMS = 1 << 16  # at most; each takes every so-many-th bag


def launch_mean(table: Tensor, ids: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """`bag_kernels.mean_kernel`."""
    bags, dim = len(offsets) - 1, table.shape[1]
    mean = torch.empty(bags, dim, device=table.device)
    if bags:
        bag_kernels.mean_kernel[(min(bags, PROGRAMS),)](
            table, ids, offsets, mean, bags, padding, **_tiles(dim)
        )
    return mean


def launch_scatter(
    table: Tensor, ids: Tensor, offsets: Tensor, grad: Tensor, scale: float, padding: int
) -> None:
    """`bag_kernels.scatter_kernel`."""
    bags, dim = len(offsets) - 1, table.shape[1]
    if bags:
        bag_kernels.scatter_kernel[(min(bags, PROGRAMS),)](
            table, ids, offsets, grad, bags, padding, scale, **_tiles(dim)
        )


def launch_adagrad(
    table: Tensor, state: Tensor, segments: Segments, grad: Tensor, lr: float, eps: float
) -> None:
    """`bag_kernels.adagrad_kernel`."""
    n, dim = len(segments.rows), table.shape[1]
    if n:
        bag_kernels.adagrad_kernel[(min(n, PROGRAMS),)](
            table, state, segments.rows, segments.starts, segments.bags, grad, n, lr, eps, **_tiles(dim)
        )


def _tiles(dim: int) -> dict[str, int]:
    return {name: size for name, size in shape(dim, 16).items() if name != "BLOCK_T"}
