"""A stage that is done in pieces, as one: how many of them stand, why the others do not, how long it took."""

from __future__ import annotations

import time
from collections import Counter

from ftcore.options import digest
from tasks.reuse import StageOutput

QUIET = 5.0  # seconds between two words on how far it is
REASONS = 2  # different reasons that are told


class Members:
    """The outputs of the pieces ``name/…`` of one stage.

    Args:
        number: how many there will be.

    Example:
        >>> members = Members("prepare", 2)
        >>> for state, why in (("reused", "unchanged"), ("recomputed", "input changed: a.md")):
        ...     _ = members.add(StageOutput(f"prepare/{state}", "", "", state, why))
        >>> members.total().state, members.total().reason
        ('recomputed', 'input changed: a.md (1 of 2 parts)')
    """

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number
        self.outputs: list[StageOutput] = []
        self._begin = self._said = time.perf_counter()

    def add(self, output: StageOutput) -> str:
        """Count one more; now and then a word on how far it is, else ""."""
        self.outputs.append(output)
        now, done = time.perf_counter(), len(self.outputs)
        if now - self._said < QUIET or done == self.number or output.state == "planned":
            return ""
        self._said = max(now, self._begin + 1.5 * (now - self._begin))  # ever rarer: the lines stay few
        return f"{self.name}: {done:,} of {self.number:,} parts"

    def total(self) -> StageOutput:
        """All pieces as the output of one stage; its seconds are those that passed."""
        changed = [o for o in self.outputs if not o.reused]
        state = changed[0].state if changed else "reused"
        seconds = time.perf_counter() - self._begin if state == "recomputed" else 0.0
        content = digest([o.digest for o in self.outputs])
        return StageOutput(self.name, "", content, state, self._reason(changed), seconds)

    def _reason(self, changed: list[StageOutput]) -> str:
        done = len(self.outputs)
        if not changed:
            return self.outputs[0].reason if done == 1 else f"{done:,} parts unchanged"
        reasons = Counter(o.reason for o in changed).most_common()
        if len(reasons) == 1 and len(changed) == done:
            return reasons[0][0]
        told = [f"{reason} ({n:,} of {done:,} parts)" for reason, n in reasons[:REASONS]]
        others = sum(n for _, n in reasons[REASONS:])
        return "; ".join(told + ([f"other reasons ({others:,} parts)"] if others else []))
