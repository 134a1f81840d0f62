"""What all groups of options share: their base, how they are merged, read, overridden and described.

The options themselves are in `ftcore.config`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from ftcore.base.addresses import SECRET, holds_secret
from ftcore.base.addresses import shown as without_secrets
from ftcore.base.yaml_tree import NOWHERE, Place, Places, parse
from ftcore.errors import InvalidOptions

# branches of `or_auto` and `by_key` that are none of a value's names in errors
_NUMBER, _EACH, _NONE = "a number", "one each", "none"


def _at_home(path: str) -> str:
    """``~`` and ``~name`` at a path's start are that user's folder, as in a shell."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        raise ValueError("no such user; write the path out, or ./~… for a folder of that name") from None


def _without_secret(path: str) -> str:
    if holds_secret(path):
        raise ValueError(SECRET)
    return path


PathText = Annotated[str, AfterValidator(_at_home)]
AnyPath = Annotated[PathText, AfterValidator(_without_secret)]  # or an address


def or_auto(kind: type, **bounds: float) -> Any:
    """The annotation of a number of some range that may also be the word ``auto``.

    Example:
        >>> class Training(Options):
        ...     epoch: or_auto(int, ge=0) = "auto"
        >>> Training(epoch=3).epoch, Training().epoch
        (3, 'auto')
    """
    number = Annotated[kind, Field(**bounds), Tag(_NUMBER)]  # type: ignore[valid-type]  # made as it is asked for
    return Annotated[
        number | Annotated[Literal["auto"], Tag("auto")],
        Discriminator(lambda value: "auto" if value == "auto" else _NUMBER),
    ]


def by_key(kind: Any, keys: Any, **bounds: float) -> Any:
    """The annotation of a value that holds for all, or one for each of some keys, or none.

    Example:
        >>> class Shares(Options):
        ...     most: by_key(float, Literal["zh", "en"], ge=0) = None
        >>> Shares(most=0.5).most, Shares(most={"zh": 0.5}).most
        (0.5, {'zh': 0.5})
    """
    one = Annotated[kind, Field(**bounds)]
    return Annotated[
        Annotated[one, Tag(_NUMBER)] | Annotated[dict[keys, one], Tag(_EACH)] | Annotated[None, Tag(_NONE)],
        Discriminator(
            lambda value: _EACH if isinstance(value, dict) else _NONE if value is None else _NUMBER
        ),
    ]


class Options(BaseModel):
    """Base of all option groups: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, value: Any, info: ValidationInfo) -> Any:
        """What YAML's types make of a value, as its writer meant it, or refused.

        A lone value is a list of one where a list is expected, a number is its text where only text is,
        a bare on or off is the word where the words are the choices. Elsewhere a boolean or a number
        with a point could be two things.
        """
        assert info.field_name is not None  # a field's validator
        return _meant(value, cls.model_fields[info.field_name].annotation)


def _meant(value: Any, annotation: Any) -> Any:
    if isinstance(value, BaseModel) or value is None:
        return value
    kinds = _kinds(annotation)
    if Any in kinds or isinstance(value, dict) and any(_is_group(k) for k in kinds):
        return value  # a group looks at its own
    if _wants_list(annotation) and isinstance(value, str | int | float | dict) and dict not in kinds:
        value = [value]
    if isinstance(value, list):
        return [_meant(item, _inner(annotation, list)) for item in value]
    if isinstance(value, dict):
        inner = _inner(annotation, dict)
        return {str(k) if isinstance(k, int) else k: _meant(v, inner) for k, v in value.items()}
    if isinstance(value, bool) and bool not in kinds:
        word = "on" if value else "off"
        if word in kinds:
            return word
        remedy = "put it in quotes if it is a text" if str in kinds else "a number or a word belongs here"
        raise ValueError(f"a bare yes, no, on, off, true or false is a boolean in YAML; {remedy}")
    if isinstance(value, int | float) and not isinstance(value, bool) and str in kinds:
        if isinstance(value, int) and int not in kinds and float not in kinds:
            return str(value)
        if isinstance(value, float) and float not in kinds:
            raise ValueError(
                "a bare number with a point can be written in several ways; put it in quotes, it is a text here"
            )
    return value


def _kinds(annotation: Any) -> set[Any]:
    """The types that a value may have, and the words that it may be: ``Literal["on"] | int`` -> {"on", int}."""
    origin = get_origin(annotation)
    if origin is Literal:
        return set(get_args(annotation))
    if origin in (Union, UnionType):
        return set().union(*(_kinds(a) for a in get_args(annotation)))
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    return {origin or annotation}


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inner(annotation: Any, kind: type) -> Any:
    """The annotation of the values of a list or dict; Any where the annotation names none."""
    for one in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,):
        if get_origin(one) is kind:
            return get_args(one)[-1]
    return Any


def _wants_list(annotation: Any) -> bool:
    return list in _kinds(annotation) and not _kinds(annotation) & {str, int, float}


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Options of `base` with those of `change` in their place; groups are merged, lists replaced.

    Example:
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

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    value = options.model_dump(mode="json") if isinstance(options, BaseModel) else options
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def override(tree: dict[str, Any], item: str) -> dict[tuple[str | int, ...], Place]:
    """Set one value of a tree, in place, from ``dotted.key=value`` with the value in YAML; returns its places.

    Raises:
        UserError: no ``=``, a value that is no YAML, an index beyond the list's end.

    Example:
        >>> tree = {"a": [{"b": 1}]}; places = override(tree, "a.0.b=[2, 3]"); tree
        {'a': [{'b': [2, 3]}]}
    """
    key, eq, text = item.partition("=")
    if not eq or not key:
        raise InvalidOptions(f"{item!r}: expected key=value, e.g. pretrain.dim=50")
    inside: Places = {}
    if not text or (" #" in text and text[0] not in "'\"[{"):
        value = text  # a # begins no comment here: there is nothing to comment on
    else:
        value, inside = parse(text, repr(item))
    *parents, last = key.split(".")
    node: Any = tree
    path: list[str | int] = []
    for part in parents:
        path.append(int(part) if isinstance(node, list) and part.isdigit() else part)
        node = _child(node, part, key)
    at = _index(node, last, key) if isinstance(node, list) else last
    node[at] = value
    given = Place("", 0, text)
    return {(*path, at): given, **{(*path, at, *p): given for p in inside if p}}


def _child(node: Any, part: str, key: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, part, key)]
    if node.get(part) is None:
        node[part] = {}
    if not isinstance(node[part], dict | list):
        raise InvalidOptions(f"{key}: {part!r} is a value, not a group of options")
    return node[part]


def _index(node: list, part: str, key: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise InvalidOptions(f"{key}: {part!r} is not an index below {len(node)}")
    return int(part)


def explain(error: Mapping[str, Any], model: type[BaseModel], places: Places = NOWHERE) -> str:
    """One line for one pydantic error: file and line where they are known, key, value, what is allowed."""
    loc = tuple(error["loc"])
    place = next((places[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in places), None)
    where = f"{place}: " if place is not None and place.line else ""
    return where + _explain(error, model, places.get(loc))


def _explain(error: Mapping[str, Any], model: type[BaseModel], place: Place | None) -> str:
    key = ".".join(str(p) for p in error["loc"] if p not in (_NUMBER, _EACH, _NONE)) or "options"
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    shown = "" if isinstance(value, dict | BaseModel) else f" = {value!r}"
    if isinstance(value, str) and holds_secret(value):
        shown = f" = {without_secrets(value)!r}"
    if isinstance(value, bool) and place is not None and place.text:
        shown = f" = {place.text}"  # as it was written: yes, no, on, off
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
    branches = [get_args(a) for a in get_args(field.annotation) if get_origin(a) is Annotated]
    if branches:  # a number, or a word
        made = [Annotated[branch] for branch in branches]
        found = (_allowed(FieldInfo.from_annotation(one)) for one in made)  # type: ignore[arg-type]  # a special form
        return " or ".join(filter(None, found))
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


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options with dotted names.

    Example:
        >>> flatten({"a": {"b": 1}})
        {'a.b': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat
