"""The kernels' calls: arrays in, the tables changed, the loss out. Needs torch and Triton alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ftcore.engines.cuda import kernels, shared, shared_cbow, twins
from ftcore.engines.cuda.twins_shared import width_of

LOSSES = {"ns": 0, "hs": 1, "softmax": 2, "ova": 3}  # as `kernels` numbers them


def launch_draws(ids: Tensor, limits: Tensor, seed: int, ws: int) -> tuple[Tensor, Tensor]:
    """`kernels.draw_kernel`; (kept int8[N], width int32[N])."""
    kept = torch.empty(len(ids), dtype=torch.int8, device=ids.device)
    width = torch.empty(len(ids), dtype=torch.int32, device=ids.device)
    block = 1024
    if len(ids):
        kernels.draw_kernel[(-(-len(ids) // block),)](ids, limits, kept, width, seed, len(ids), ws, block)
    return kept, width


def launch_pretraining(
    model: str,
    input: Tensor,
    output: Tensor,
    centres: twins.KeptCentres,
    words: twins.WordRows,
    side: twins.OutputSide,
    seed: int,
    neg: int,
    programs: int,
    **tiles: int,
) -> float:
    """`kernels.skipgram_kernel` or `cbow_kernel`; the loss in nats. `tiles` overrides `shape`, to measure."""
    nats = torch.zeros(programs, dtype=torch.float64, device=input.device)
    kernel = kernels.cbow_kernel if model == "cbow" else kernels.skipgram_kernel
    kernel[(programs,)](
        input, output, centres.words, centres.first, centres.last, centres.rates, words.rows, words.starts,
        words.gain, side.alias, side.path, side.code, side.turns, nats, seed, len(centres), side.rows,
        NEG=neg, LOSS=LOSSES[side.loss], **(shape(input.shape[1], neg + 1 if side.loss == "ns" else 16) | tiles),
    )  # fmt: skip
    return float(nats.sum())


def launch_shared(
    input: Tensor,
    output: Tensor,
    centres: twins.KeptCentres,
    words: twins.WordRows,
    side: twins.OutputSide,
    seed: int,
    neg: int,
    programs: int,
    **tiles: int,
) -> float:
    """`shared.shared_kernel`; the loss in nats. `tiles` overrides `shape`, to measure."""
    nats = torch.zeros(programs, dtype=torch.float64, device=input.device)
    block, pool = twins.block_and_pool(input.shape[1])
    sizes = shape(input.shape[1], 16)
    # twice the pool in registers; 128 of them a thread let two programs of 8 warps share a processor
    sizes |= {"num_warps": min(16, 8 * sizes["num_warps"]), "maxnreg": 128, "BLOCK": block, "POOL": pool}
    shared.shared_kernel[(programs,)](
        input, output, centres.words, centres.first, centres.last, centres.rates, words.rows, words.starts,
        words.gain, side.alias, nats, seed, len(centres), side.rows,
        NEG=neg, **(sizes | tiles),
    )  # fmt: skip
    return float(nats.sum())


def launch_shared_cbow(
    input: Tensor,
    output: Tensor,
    centres: twins.KeptCentres,
    words: twins.WordRows,
    side: twins.OutputSide,
    seed: int,
    neg: int,
    programs: int,
    **tiles: int,
) -> float:
    """`shared_cbow.shared_cbow_kernel`; the loss in nats. `tiles` overrides `shape`, to measure."""
    nats = torch.zeros(programs, dtype=torch.float64, device=input.device)
    block, pool = twins.block_and_pool(input.shape[1])
    sizes = shape(input.shape[1], 16)
    sizes |= {"num_warps": min(16, 8 * sizes["num_warps"]), "maxnreg": 128, "BLOCK": block, "POOL": pool}
    width = width_of(centres, input.shape[1])
    scratch = torch.empty(programs, 2, width, sizes["BLOCK_D"], device=input.device)
    shared_cbow.shared_cbow_kernel[(programs,)](
        input, output, centres.words, centres.first, centres.last, centres.rates, words.rows, words.starts,
        words.gain, side.alias, scratch, nats, seed, len(centres), side.rows, width,
        NEG=neg, **(sizes | tiles),
    )  # fmt: skip
    return float(nats.sum())


def launch_bags(
    input: Tensor,
    output: Tensor,
    given: twins.BagBatch,
    loss: str,
    head_rate: float,
    moves_input: bool,
    programs: int,
) -> float:
    """`kernels.bags_kernel`; the loss in nats."""
    nats = torch.zeros(programs, dtype=torch.float64, device=input.device)
    weights = given.rates if given.weights is None else given.weights
    frozen = given.row if given.frozen is None else given.frozen
    kernels.bags_kernel[(programs,)](
        input, output, given.ids, given.offsets, given.order, given.rates, weights, frozen, given.place, given.row,
        given.truth, given.spans, nats, len(given), len(output), head_rate,
        HAS_WEIGHTS=given.weights is not None, HAS_FROZEN=given.frozen is not None, MOVES_INPUT=moves_input,
        LOSS=LOSSES[loss], **shape(input.shape[1], min(len(output), 16)),
    )  # fmt: skip
    return float(nats.sum())


def shape(dim: int, rows: int) -> dict[str, Any]:
    """Sizes of a kernel's tiles: about 64 floats a thread, whatever the dim.

    Example:
        >>> shape(100, 6)
        {'D': 100, 'BLOCK_D': 128, 'BLOCK_T': 8, 'BLOCK_G': 16, 'num_warps': 1}
    """
    block = max(16, 1 << (dim - 1).bit_length())
    warps = min(8, max(1, block // 128))
    most = max(2, min(16, 2048 * warps // block))
    return {
        "D": dim,
        "BLOCK_D": block,
        "BLOCK_T": min(most, max(2, 1 << (rows - 1).bit_length())),
        "BLOCK_G": most,
        "num_warps": warps,
    }
