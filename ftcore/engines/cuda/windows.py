"""From kept tokens and widths to centres and their windows, on the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ftcore.engines.cuda.twins import KeptCentres


def find_centres(
    ids: Tensor,
    offsets: Tensor,
    kept: Tensor,
    width: Tensor,
    programs: Callable[[int], int],
    rate: tuple[float, float],
) -> KeptCentres:
    """A centre for every token that was kept; windows are formed after the discard, and end with the line.

    Args:
        ids: int32[N].
        offsets: int64[L + 1] of the lines.
        kept: int8[N].
        width: int32[N].
        programs: how many runs so many centres are cut into.
        rate: at the start and the end of the chunk. Every program's run goes from one to the other, as the
            original's threads do: all are at the same rate at the same time.
    """
    before = torch.cat([offsets.new_zeros(1), torch.cumsum(kept, 0, dtype=torch.int64)])
    border = before[offsets]  # tokens left before each line
    place = torch.nonzero(kept).squeeze(1)
    line = torch.searchsorted(offsets, place, right=True) - 1
    here = torch.arange(len(place), device=ids.device)
    wide = width[place]
    count = programs(len(place))
    begin = len(place) * torch.arange(count + 1, device=ids.device) // count
    run = torch.searchsorted(begin, here, right=True) - 1
    share = (here - begin[run]).double() / (begin[run + 1] - begin[run])
    return KeptCentres(
        ids[place],
        torch.maximum(here - wide, border[line]).int(),
        torch.minimum(here + wide + 1, border[line + 1]).int(),
        (rate[0] + (rate[1] - rate[0]) * share).float(),
    )
