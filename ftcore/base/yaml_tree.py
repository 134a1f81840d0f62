r"""YAML as people mean it: a tree whose every value knows where it was written.

YAML 1.1 turns some words into something else in silence: ``010`` into 8, ``12:30`` into 750, a date into an
object, and of two blocks of one name the second wins. Here numbers are those of YAML 1.2 (``2e6`` is one),
dates and times of day are text, and what can be read in two ways is refused with its line.

PyYAML reads; OmegaConf's merge forgets the lines that errors name, and ruamel.yaml would still leave what is refused to us.

Example:
    >>> tree, places = parse("a: {b: 2e6}\nc: 12:30", "mine.yaml")
    >>> tree, str(places["a", "b"]), places["c",].text
    ({'a': {'b': 2000000.0}, 'c': '12:30'}, 'mine.yaml:1', '12:30')
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from ftcore.errors import InvalidOptions, UnreadableFile

MOST = 100_000  # values of a file, aliases unfolded: a file of a few lines can name billions of them
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
_TEXT = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_OCTAL = "!octal"


@dataclass(frozen=True)
class Place:
    """Where a value was written, and how (``no`` where the tree has False)."""

    file: str
    line: int  # from 1; 0: a file without lines, the command line
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


Path_ = tuple[str | int, ...]
Places = Mapping[Path_, Place]
NOWHERE: Places = MappingProxyType({})  # of trees that no file holds


class _Loader(yaml.SafeLoader):
    """PyYAML's, with the numbers of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _NUMBERS]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_DIGITS = list("-+.0123456789")
_Loader.add_implicit_resolver(_NUMBERS[0], re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), _DIGITS)
_Loader.add_implicit_resolver(
    _NUMBERS[1],
    re.compile(
        r"""^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?
        |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
        |[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?
        |[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$""",
        re.X,
    ),
    _DIGITS,
)
_Loader.add_implicit_resolver(_OCTAL, re.compile(r"^[-+]?0[0-9_]+$"), list("-+0"))


def read(path: Path, what: str = "configuration file") -> tuple[dict[str, Any], dict[Path_, Place]]:
    """A file's tree of options and the place of every value; an empty file gives {}.

    Args:
        what: it is called where it is missing.

    Raises:
        UserError: no such file, a folder, not UTF-8, no YAML, no ``key: value`` pairs, or a value that
            can be read in two ways.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: no such {what}") from None
    except IsADirectoryError:
        raise UnreadableFile(f"{path}: this is a folder; name the YAML file in it") from None
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read: {error.strerror or error}") from None
    tree, places = parse(text, str(path))
    if tree is None:
        return {}, {}
    if not isinstance(tree, dict):
        raise InvalidOptions(f"{path}: expected `key: value` pairs, found {type(tree).__name__}")
    return tree, places


def parse(text: str, file: str) -> tuple[Any, dict[Path_, Place]]:
    """Tree and places of a YAML text; `file` is what errors call it.

    Raises:
        UserError: no YAML, or a value that can be read in two ways.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        builder = _Builder(loader, file)
        return (None if node is None else builder.value(node, ())), builder.places
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        raise InvalidOptions(f"{where}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise InvalidOptions(f"{file}: not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InvalidOptions(f"{file}: not valid YAML: nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


class _Builder:
    """Values of a node graph, and the place of each."""

    def __init__(self, loader: _Loader, file: str):
        self.loader, self.file = loader, file
        self.places: dict[Path_, Place] = {}
        self.open: list[yaml.Node] = []  # the collections that the node at hand is inside of

    def value(self, node: yaml.Node, path: Path_) -> Any:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.places[path] = Place(self.file, node.start_mark.line + 1, text)
        if len(self.places) > MOST:
            raise InvalidOptions(
                f"{self.file}: more than {MOST} values, aliases unfolded; write it without them"
            )
        if isinstance(node, yaml.ScalarNode):
            if node.tag == _OCTAL:
                raise InvalidOptions(
                    f"{self.at(node)}: {node.value} can be read as {int(node.value.replace('_', ''))} and as an "
                    f"octal number; write it without the leading 0, or '{node.value}' in quotes for the text"
                )
            return self.loader.construct_object(node)
        if node in self.open:
            raise InvalidOptions(f"{self.at(node)}: this contains itself; write it without the alias")
        self.open.append(node)
        if isinstance(node, yaml.SequenceNode):
            made: Any = [self.value(item, (*path, at)) for at, item in enumerate(node.value)]
        else:
            assert isinstance(node, yaml.MappingNode)
            made = self.pairs(node, path)
        self.open.pop()
        return made

    def pairs(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:  # before `<<` is unfolded: what stands here may replace what it brings
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name, line = self.key(key), key.start_mark.line + 1
            if name in seen:
                raise InvalidOptions(
                    f"{self.at(key)}: {name!r} stands here a second time (first in line {seen[name]}); "
                    "one would win in silence, so keep one"
                )
            seen[name] = line
        self.loader.flatten_mapping(node)
        made = {}
        for key, below in node.value:
            name = self.key(key)
            made[name] = self.value(below, (*path, name))
            if isinstance(below, yaml.CollectionNode):  # a group's place is that of its name
                self.places[*path, name] = Place(self.file, key.start_mark.line + 1, "")
        return made

    def key(self, node: yaml.Node) -> str:
        """The text of a key: a number is its text, since labels may be numbers."""
        if isinstance(node, yaml.ScalarNode) and (node.tag in _TEXT or node.tag == _OCTAL):
            return node.value
        shown = getattr(node, "value", "")
        if isinstance(node, yaml.ScalarNode):
            raise InvalidOptions(
                f"{self.at(node)}: the key {shown} is no text in YAML; put it in quotes: '{shown}'"
            )
        raise InvalidOptions(
            f"{self.at(node)}: a list or a group cannot be a key; write a word before the colon"
        )

    def at(self, node: yaml.Node) -> str:
        return f"{self.file}:{node.start_mark.line + 1}"


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which writes the line break of Unicode as it is where text is not escaped, and reads a space."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if "\x85" in value else None)


_Dumper.add_representer(str, _text)
# text that only our reader takes for a number is quoted
for _first, _known in _Loader.yaml_implicit_resolvers.items():
    for _tag, _pattern in _known:
        if _tag in (*_NUMBERS, _OCTAL):
            _Dumper.add_implicit_resolver(_tag, _pattern, [_first])


def dumped(tree: Any) -> str:
    r"""A tree as YAML for people to read, which `parse` and PyYAML read back as it was.

    Example:
        >>> dumped({"名": "a\x85b", "n": 1})
        '名: "a\\Nb"\nn: 1\n'
    """
    return str(yaml.dump(tree, Dumper=_Dumper, allow_unicode=True, sort_keys=False))
