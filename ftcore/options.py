"""What all groups of options share: their base, how they are merged, read, overridden and described.

The options themselves are in `ftcore.config`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo

from ftcore.errors import UserError


class Options(BaseModel):
    """Base of all option groups: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _words_not_booleans(cls, tree: Any) -> Any:
        """YAML reads a bare on or off as true or false; where the words are the choices, they are meant."""
        if not isinstance(tree, dict):
            return tree
        meant = dict(tree)
        for name, value in tree.items():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and get_origin(field.annotation) is Literal:
                word = "on" if value else "off"
                meant[name] = word if word in get_args(field.annotation) else value
        return meant


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Options of `base` with those of `change` in their place; groups are merged, lists replaced.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def digest(options: BaseModel | dict | list | str) -> str:
    """SHA-256 (hex) of the canonical JSON of some options; equal options have equal digests.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    value = options.model_dump(mode="json") if isinstance(options, BaseModel) else options
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_yaml(path: Path) -> dict[str, Any]:
    """A file's tree; an empty file gives {}.

    Raises:
        UserError: no such file, no YAML, or no ``key: value`` pairs.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such configuration file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: expected `key: value` pairs, found {type(tree).__name__}")
    return tree


def override(tree: dict[str, Any], item: str) -> None:
    """Set one value of a tree, in place, from ``dotted.key=value`` with the value in YAML.

    Raises:
        UserError: no ``=``, a value that is no YAML, an index beyond the list's end.

    >>> tree = {"a": [{"b": 1}]}; override(tree, "a.0.b=[2, 3]"); tree
    {'a': [{'b': [2, 3]}]}
    """
    key, eq, text = item.partition("=")
    if not eq or not key:
        raise UserError(f"{item!r}: expected key=value, e.g. pretrain.dim=50")
    try:
        value = yaml.safe_load(text) if text else ""
    except yaml.YAMLError as error:
        raise UserError(f"{item!r}: the value is not valid YAML: {error}") from None
    *parents, last = key.split(".")
    node: Any = tree
    for part in parents:
        node = _child(node, part, key)
    if isinstance(node, list):
        node[_index(node, last, key)] = value
    else:
        node[last] = value


def _child(node: Any, part: str, key: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, part, key)]
    if node.get(part) is None:
        node[part] = {}
    if not isinstance(node[part], dict | list):
        raise UserError(f"{key}: {part!r} is a value, not a group of options")
    return node[part]


def _index(node: list, part: str, key: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise UserError(f"{key}: {part!r} is not an index below {len(node)}")
    return int(part)


def explain(error: dict[str, Any], model: type[BaseModel]) -> str:
    """One line for one pydantic error: key, value, what is allowed."""
    key = ".".join(str(p) for p in error["loc"]) or "options"
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    shown = "" if isinstance(value, dict | BaseModel) else f" = {value!r}"
    allowed = _range_at(model, error["loc"])
    return f"{key}{shown}: {message}" + (f" (allowed: {allowed})" if allowed else "")


def _model_at(root: type[BaseModel], loc: Iterable[Any]) -> type[BaseModel] | None:
    model: Any = root
    for part in loc:
        if isinstance(part, int):
            continue
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return None
        model = field.annotation
        if get_origin(model) is list:
            model = get_args(model)[0]
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _keys_at(root: type[BaseModel], loc: Iterable[Any]) -> list[str]:
    model = _model_at(root, loc)
    return list(model.model_fields) if model else []


def _range_at(root: type[BaseModel], loc: tuple[Any, ...]) -> str:
    names = [p for p in loc if isinstance(p, str)]
    for cut in range(len(names), 0, -1):  # union errors append type names to the place
        model = _model_at(root, names[: cut - 1])
        field = model.model_fields.get(names[cut - 1]) if model else None
        if field is not None:
            return _allowed(field)
    return ""


def _allowed(field: FieldInfo) -> str:
    """The range or the choices of an option, in words; "" if anything of its type goes."""
    marks = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    parts = [
        f"{sign} {getattr(m, name)}"
        for m in field.metadata
        for name, sign in marks.items()
        if getattr(m, name, None) is not None
    ]
    if get_origin(field.annotation) is Literal:
        parts.append(", ".join(map(repr, get_args(field.annotation))))
    return " and ".join(parts)


def describe(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str, str, str]]:
    """(dotted key, default, what is allowed, meaning) of every option of a group, inner groups unfolded."""
    rows: list[tuple[str, str, str, str]] = []
    for name, info in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = get_args(info.annotation)[0] if get_origin(info.annotation) is list else info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            below = f"{key}.0." if inner is not info.annotation else f"{key}."
            rows += describe(inner, below)
            continue
        default = "(required)" if info.is_required() else repr(info.get_default(call_default_factory=True))
        rows.append((key, default, _allowed(info), info.description or ""))
    return rows
