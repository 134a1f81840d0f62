"""Seed words: a few for each label, in any language of the vectors, in YAML or JSON as ``label: [word, word]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ftcore.errors import InvalidOptions, MissingLabels


def read_seeds(path: str | PathLike) -> dict[str, list[str]]:
    """The seeds of a file.

    Raises:
        UserError: the file cannot be read, or is something else; names the label.

    Example:
        ``good: [great, wonderful]`` and ``bad: [awful, dull]``, a line each
    """
    from ftcore.base.yaml_tree import read

    return checked_seeds(read(Path(path), "file")[0], str(path))


def checked_seeds(seeds: Mapping[Any, Any], place: str = "seeds") -> dict[str, list[str]]:
    """The seeds as lists of words; one text may hold several.

    Raises:
        UserError: fewer than two labels, a label without a word, the same word for two labels.
    """
    if not isinstance(seeds, Mapping) or len(seeds) < 2:
        raise MissingLabels(
            f"{place}: a classifier needs seed words of two labels at least (label: [word, word])"
        )
    made: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    for label, words in seeds.items():
        listed = [words] if isinstance(words, str) else words
        if not isinstance(listed, Sequence) or not listed or not all(isinstance(w, str) for w in listed):
            raise InvalidOptions(
                f"{place}: label {label!r} has {words!r}; give words, as label: [word, word]"
            )
        for word in listed:
            if owner.setdefault(word, str(label)) != str(label):
                raise InvalidOptions(
                    f"{place}: {word!r} is a seed of {owner[word]!r} and of {label!r}; keep it in one of them"
                )
        made[str(label)] = list(dict.fromkeys(listed))
    return made
