r"""Rules: texts in which a regular expression is found have a label, or have not.

They lie beside a classifier and overrule it (`Rules.over`), and they label texts that have no label before a training
(`ftcore.training.ruled`). Both look at the text as the model reads it: its tokens, without spaces between Chinese ones, so
that an answer in a report, in a scored file and when served is the same. Capital and small letters are the same.

Patterns are those of RE2, which pyarrow brings: the time that it takes grows with the length of the text and not faster, whatever the pattern, so
that no text of a stranger can hold up a server. It has neither look-ahead nor references back, and ``\b`` and ``\w`` mean Latin letters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ftcore.errors import InvalidOptions, MissingLabels, UnreadableFile
from ftcore.text.noise import uncut

log = logging.getLogger(__name__)
KINDS = ("always", "never")
MOST = 10_000  # rules of a model
_ALONE = ("ova", "ns")  # losses whose labels stand alone
_WRITTEN = "write label: [pattern, pattern], or label: {always: [pattern], never: [pattern]}"


@dataclass(frozen=True)
class LabelRule:
    """One pattern and what it says.

    Attributes:
        label: as text.
        pattern: a regular expression, found anywhere in a text.
        kind: always: the text has the label; never: it has not.
    """

    label: str
    pattern: str
    kind: str = "always"

    def __str__(self) -> str:
        return f"{self.kind} {self.label}: {self.pattern}"


@dataclass(frozen=True)
class Rules:
    r"""What patterns say of texts.

    Attributes:
        each: in the order in which they were written.

    Example:
        >>> rules = Rules.of({"refund": ["money back", r"\brefund(ed|s)?\b"], "thanks": {"never": [r"\?$"]}})
        >>> [str(rule) for rule in rules.speaking("I want my Money back ?")]
        ['always refund: money back', 'never thanks: \\?$']
    """

    each: tuple[LabelRule, ...]

    @classmethod
    def of(cls, given: str | PathLike | Mapping[str, Any]) -> Rules:
        """Rules from a YAML file, or written as one.

        Args:
            given: ``{label: [pattern, pattern]}``; instead of a list ``{always: [pattern], never: [pattern]}``.

        Raises:
            UserError: no such file, something else, a pattern that RE2 does not know; names the line or the label.
        """
        if isinstance(given, Mapping):
            return cls(tuple(_checked(given, {}, "rules")))
        from ftcore.base.yaml_tree import read

        tree, places = read(Path(given), "file")
        return cls(tuple(_checked(tree, places, str(given))))

    @property
    def labels(self) -> list[str]:
        """Each label once."""
        return list(dict.fromkeys(rule.label for rule in self.each))

    def check(self, labels: Iterable[Any]) -> None:
        """Refuse rules about labels that there are not.

        Raises:
            UserError: it names the first.
        """
        known = [str(label) for label in labels]
        unknown = sorted(set(self.labels) - set(known))
        if unknown:
            raise MissingLabels(
                f"rules: there is no label {unknown[0]!r}; the labels are {', '.join(map(repr, known[:10]))}: name the rules' so"
            )

    def found(self, lines: Sequence[str | bytes]) -> np.ndarray:
        """Which patterns are found in which lines of tokens: bool[N, rules]."""
        import pyarrow as pa
        import pyarrow.compute as pc

        plain = (line if isinstance(line, str) else line.decode("utf-8", "replace") for line in lines)
        texts = pa.array([uncut(line.rstrip("\n")).encode("utf-8", "replace") for line in plain], pa.string())
        columns = [
            pc.match_substring_regex(texts, rule.pattern, ignore_case=True).to_numpy(zero_copy_only=False)
            for rule in self.each
        ]
        return np.stack(columns, 1) if columns else np.zeros((len(lines), 0), np.bool_)

    def speaking(self, line: str | bytes) -> list[LabelRule]:
        """The rules whose patterns are found in a line of tokens."""
        return [self.each[i] for i in np.flatnonzero(self.found([line])[0]).tolist()]

    def said(self, lines: Sequence[str | bytes], labels: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """What the rules say: bool[N, C] labels that lines have, and bool[N, C] labels that they have not.

        A label that one rule gives and another takes is neither.
        """
        place = {str(label): column for column, label in enumerate(labels)}
        found = self.found(lines)
        made = {kind: np.zeros((len(lines), len(labels)), np.bool_) for kind in KINDS}
        for rule, hits in zip(self.each, found.T, strict=True):
            made[rule.kind][:, place[rule.label]] |= hits
        both = made["always"] & made["never"]
        return made["always"] & ~both, made["never"] & ~both

    def gives(self, lines: Sequence[str | bytes], labels: Sequence[Any], loss: str) -> np.ndarray:
        """To which of N lines of tokens `over` gives a label: bool[N]."""
        named = self.said(lines, labels)[0].sum(axis=1)
        return named > 0 if loss in _ALONE else named == 1

    def over(
        self,
        lines: Sequence[str | bytes],
        told: np.ndarray,
        rows: np.ndarray,
        labels: Sequence[Any],
        loss: str,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A model's answers, overruled.

        A label that a rule gives is certain; with a loss of one label a text, others are impossible then. Of two such labels none
        is given: the model answers. A label that a rule takes has probability 0, and the others share it, unless none is left.

        Args:
            lines: of tokens.
            told: bool[N], which have an answer; one that a rule gives is one.
            rows: [N, C], probabilities.
            labels: of the columns.
            loss: of the model.

        Returns:
            bool[N] and [N, C], new ones where a rule speaks.
        """
        has, lacks = self.said(lines, labels)
        several = loss in _ALONE
        if not several:
            has[has.sum(axis=1) != 1] = False
            lacks[np.all(lacks, axis=1)] = False
        if not (has.any() or lacks.any()):
            return told, rows
        made = np.where(lacks, 0, rows)
        if not several:
            left = made.sum(axis=1, keepdims=True)
            some = lacks.any(axis=1)
            shared, none = some & (left[:, 0] > 0), some & (left[:, 0] <= 0)
            made[shared] /= left[shared]
            possible = np.logical_not(lacks[none])
            made[none] = possible / possible.sum(axis=1, keepdims=True)
            made[has.any(axis=1)] = 0
        made[has] = 1
        return told | has.any(axis=1), made

    def state(self) -> list[list[str]]:
        """As JSON; `from_state` is the inverse."""
        return [[rule.kind, rule.label, rule.pattern] for rule in self.each]

    @classmethod
    def from_state(cls, state: Any, labels: Sequence[Any], place: object) -> Rules:
        """Refuse what is none.

        Raises:
            UserError: it names the place.
        """
        known = {str(label) for label in labels}
        fine = isinstance(state, list) and len(state) <= MOST
        fine = fine and all(
            isinstance(row, list)
            and len(row) == len(("kind", "label", "pattern"))
            and all(isinstance(part, str) for part in row)
            and row[0] in KINDS
            and row[1] in known
            and _fault(row[2]) is None
            for row in state
        )
        if not fine:
            raise UnreadableFile(
                f"{place}: rules are {str(state)[:80]}, not [kind, label, pattern] each; save the model again"
            )
        return cls(tuple(LabelRule(label, pattern, kind) for kind, label, pattern in state))


def _checked(tree: Any, places: Mapping[Any, Any], file: str) -> Iterable[LabelRule]:
    """The rules of a tree; errors name the line where there is one."""
    count = 0

    def where(*path: str | int) -> str:
        return str(places[path]) if path in places else f"{file}: {path[0]}"

    if not isinstance(tree, Mapping) or not tree:
        raise InvalidOptions(f"{file}: there is no rule; {_WRITTEN}")
    for label, given in tree.items():
        kinds = given if isinstance(given, Mapping) else {"always": given}
        for kind, patterns in kinds.items():
            path = (label, kind) if isinstance(given, Mapping) else (label,)
            if kind not in KINDS:
                raise InvalidOptions(f"{where(*path)}: {kind!r} is neither always nor never; {_WRITTEN}")
            if not isinstance(patterns, Sequence) or isinstance(patterns, str):
                raise InvalidOptions(f"{where(*path)}: {patterns!r} is no list of patterns; {_WRITTEN}")
            for number, pattern in enumerate(patterns):
                at = where(*path, number)
                if not isinstance(pattern, str) or not pattern:
                    raise InvalidOptions(f"{at}: {pattern!r} is no pattern; put it in quotes")
                if fault := _fault(pattern):
                    raise InvalidOptions(
                        f"{at}: the pattern {pattern!r} of {label!r} is none: {fault}; correct it"
                    )
                count += 1
                if count > MOST:
                    raise InvalidOptions(f"{at}: there are more than {MOST:,} rules; leave some out")
                yield LabelRule(str(label), pattern, kind)


def _fault(pattern: str) -> str | None:
    """What RE2 has against a pattern."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern, ignore_case=True)
    except (pa.ArrowException, UnicodeEncodeError) as error:
        return str(error).removeprefix("Invalid regular expression: ").strip() or type(error).__name__
    return None
