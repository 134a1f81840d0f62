"""`flow`, as the flows are decorated: Prefect's, but where a dry run needs none of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.arguments import is_dry


def flow(*, name: str, **options: Any) -> Callable[[Callable], Any]:
    """``prefect.flow``; in a process that was asked for a dry run the function itself, named.

    A dry run answers in the time that importing Prefect takes.
    """

    def plain(function: Callable) -> Callable:
        function.name = name  # type: ignore[attr-defined]
        return function

    if is_dry():
        return plain
    from prefect import flow as prefect_flow

    return prefect_flow(name=name, **options)
