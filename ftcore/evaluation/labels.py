"""How the labels of two models differ, which no score can tell: it must be named before any.

Example:
    >>> change = LabelChange.of(["en", "zh"], ["en", "de"])
    >>> change.changed, change.disjoint, change.sentence("old", "new")
    (True, False, 'The labels differ: only old knows zh; only new knows de; they share 1.')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 5  # labels named in a sentence


@dataclass(frozen=True)
class LabelChange:
    """The labels that only one of two models knows, and how many both know."""

    only_first: tuple[str, ...]
    only_other: tuple[str, ...]
    shared: int

    @classmethod
    def of(cls, first: Sequence[str], other: Sequence[str]) -> LabelChange:
        """Compare two label sets; the order of labels means nothing."""
        one, two = set(map(str, first)), set(map(str, other))
        return cls(tuple(sorted(one - two)), tuple(sorted(two - one)), len(one & two))

    @property
    def changed(self) -> bool:
        """One of the two knows a label that the other does not."""
        return bool(self.only_first or self.only_other)

    @property
    def disjoint(self) -> bool:
        """They share no label: their scores are of two tasks."""
        return self.changed and not self.shared

    def sentence(self, first: str, other: str) -> str:
        """What differs, in words; "" if nothing does."""
        if not self.changed:
            return ""
        only = [
            f"only {name} knows {some(labels)}"
            for name, labels in ((first, self.only_first), (other, self.only_other))
            if labels
        ]
        if self.disjoint:
            return f"{first} and {other} share no label: {'; '.join(only) or 'one of them has none'}."
        return f"The labels differ: {'; '.join(only)}; they share {self.shared}."


def some(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> some(["a", "b", "c"], 2), some([], 2)
        ('a, b and 1 more', 'none')
    """
    head = ", ".join(str(name)[:40] for name in names[:shown])
    return (head or "none") + (f" and {len(names) - shown} more" if len(names) > shown else "")
