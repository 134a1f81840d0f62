"""Why a stage runs again, in words: what differs between its last record and what is asked now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

NAMED = 3  # inputs, options or files that are named; the others are counted
LONGEST = 40  # characters of a value
_NOTHING = object()


def explain(last: Mapping[str, Any], inputs: Mapping[str, str], options: Any, sources: Any) -> str:
    """What differs, on one bounded line; "" if nothing does.

    Example:
        >>> explain({"inputs": {}, "options": {"lr": 0.1}, "code": {}}, {}, {"lr": 0.2}, {})
        'lr: 0.1 → 0.2'
    """
    told = []
    names = differing(last["inputs"], inputs)
    if names:
        told.append("input changed: " + some(names))
    changes = list(changed_options(last["options"], json.loads(json.dumps(options))))
    told += changes[:NAMED]
    if len(changes) > NAMED:
        told.append(f"{len(changes) - NAMED} more options changed")
    names = differing(last["code"], sources)
    if names:
        told.append("code changed: " + some(names))
    return "; ".join(told)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names whose values are not the same on both sides, sorted."""
    return sorted(k for k in {*old, *new} if old.get(k) != new.get(k))


def some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def changed_options(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """``key: old → new`` of every option that differs, deep in the tree; long lists are never spelled out.

    Example:
        >>> list(changed_options({"a": [{"label": "cat"}]}, {"a": [{"label": "label"}]}))
        ['a[0].label: cat → label']
    """
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from changed_options(
                old.get(key, _NOTHING), new.get(key, _NOTHING), f"{name}.{key}".lstrip(".")
            )
    elif isinstance(old, list) and isinstance(new, list) and not _short(old, new):
        if len(old) != len(new):
            yield f"{name}: {len(old):,} → {len(new):,} entries"
            return
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from changed_options(one, other, f"{name}[{at}]")
    else:
        yield f"{name}: {shown(old)} → {shown(new)}"


def _short(*lists: list[Any]) -> bool:
    """Plain lists that fit on the line whole."""
    plain = all(not isinstance(item, Mapping | list) for values in lists for item in values)
    return plain and all(len(json.dumps(values, ensure_ascii=False)) <= LONGEST for values in lists)


def shown(value: Any) -> str:
    """A value as it stands in YAML, cut where it is long.

    Example:
        >>> shown(None), shown("zh"), shown(True), shown([1, 3])
        ('nothing', 'zh', 'true', '[1, 3]')
    """
    if value is None or value is _NOTHING:
        return "nothing"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
