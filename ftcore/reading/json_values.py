"""JSON however it is laid out: an array, indented objects, objects without newlines between, columns.

Memory is bounded by the longest record, not by the file: an array of a gigabyte in one line is read
record by record. Only a file that is a single object (of columns, say) is held whole.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Any, BinaryIO

from ftcore.errors import UnreadableFile
from ftcore.reading import streams
from ftcore.reading.records import TOO_LONG

WHOLE = 64 << 20  # characters of a file that is one object
_FIRST_LINE = 8 << 20  # bytes looked at to tell how a file is laid out
_CHUNK = 1 << 18  # bytes read at once
# A string up to its quote (else it is cut by the newline or by the end of what is held), or a bracket.
_TOKEN = re.compile(r'"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*(["\n])?|[{}\[\]]')
_ARRAY = re.compile(rb"\s*(\xef\xbb\xbf)?\s*\[[ \t]*[\[{]")
_REST = re.compile(r'[^"\\\n]*(?:\\[^\n][^"\\\n]*)*(["\n])?')

Value = tuple[int, int, str, str]
"""(1-based line, depth of what is around it, text, damage)"""


def layout_of(stream: BinaryIO | streams.Reencoded, codec: str) -> str:
    """How a JSON file is laid out, by its first line: "jsonl" for a value a line, else "json"."""
    head, ended = b"", False
    try:
        while len(head) < _FIRST_LINE and not head.lstrip().partition(b"\n")[2].strip():
            block = streams.read(stream, _CHUNK)  # type: ignore[arg-type]
            ended = not block
            head += block
            if ended or _ARRAY.match(head):
                break
    except streams.Broken:
        pass  # the reader will say so
    text = head.decode(codec, "ignore").lstrip("\ufeff \t\r\n")
    first, _, rest = (text if "\n" in text else text.replace("\r", "\n")).partition("\n")
    if not first.startswith(("[", "{")):
        return "jsonl"  # no records: refused line by line
    if _ARRAY.match(first.encode()):
        return "json"
    try:
        value, end = JSONDecoder().raw_decode(first)
    except (ValueError, RecursionError):
        return "json" if _is_open(first) and (rest.strip() or not ended) else "jsonl"
    if first[end:].strip():
        return "json"  # the next value begins on the same line
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict) and rest.strip():
        return "jsonl"
    return "json" if any(isinstance(item, dict | list) for item in inside) else "jsonl"


def _is_open(line: str) -> bool:
    """Whether a line ends between the values of an array or object, not inside a string."""
    depth = 0
    for token in _TOKEN.finditer(line):
        if token[0][0] == '"':
            if token[1] != '"':
                return False
        else:
            depth += 1 if token[0] in "[{" else -1
    return depth > 0


class Values:
    r"""The records of a JSON text, each as its own text: objects and arrays at the top, or in a top array.

    Iterating yields (line, depth, text, damage); with a `damage` the text is only there to be quoted.
    A record that does not end is given up where the next line begins like the first record's, so that
    damage costs one record. `broken` says why the stream broke off, if it did.

    Args:
        codec: of the stream; what cannot be decoded is damage of the record that it is in.
        limit: characters of a record.

    Example:
        >>> import io; [v[2] for v in Values(io.BytesIO(b'[{"a": 1},\n {"a": 2}]'), "utf-8", 100)]
        ['{"a": 1}', '{"a": 2}']
    """

    def __init__(self, stream: BinaryIO | streams.Reencoded, codec: str, limit: int) -> None:
        self._stream, self._limit = stream, limit
        self._codec = "utf-8" if codec == "utf-8-sig" else codec
        self.broken = ""
        self._held = ""
        self._mark, self.line = 0, 1  # a place in it and its line
        self._at = 0  # what of it has been looked at
        self._start = -1  # of the record in it
        self._base = self._depth = 0  # of the records, of the place
        self._indent: str | None = None  # what stands before the first record on its line
        self._dropping = self._in_string = False
        self._first = True  # no text has come yet
        self._any = False  # a record has come

    def __iter__(self) -> Iterator[Value]:
        decoder = codecs.getincrementaldecoder(self._codec)("surrogateescape")
        while True:
            try:
                block = streams.read(self._stream, _CHUNK)  # type: ignore[arg-type]
            except streams.Broken as error:
                self.broken = str(error)
                return
            text = decoder.decode(block, not block)
            self._held += text.lstrip("\ufeff") if self._first else text
            self._first = self._first and not text
            yield from self._scan()
            if not block:
                yield from self._end()
                return
            if self._start >= 0 and len(self._held) - self._start > self._room():
                yield from self._too_long()
            self._forget(self._start if self._start >= 0 else self._at)

    def _room(self) -> int:
        return self._limit if self._base or self._any else max(self._limit, WHOLE)

    def _scan(self) -> Iterator[Value]:
        """Look at what is held, as far as it is whole."""
        while True:
            if self._in_string:
                rest = _REST.match(self._held, self._at)
                assert rest is not None
                self._at = rest.end()
                if rest[1] is None:
                    return
                self._in_string = False
            token = _TOKEN.search(self._held, self._at)
            if token is None:
                self._at = len(self._held)
                return
            if token[0][0] == '"' and token[1] is None:
                self._at = token.start()
                if self._dropping:
                    self._in_string, self._at = True, token.start() + 1
                    continue
                return
            self._at = token.end()
            if token[0] in "[{":
                self._opens(token)
            elif token[0] in "]}":
                yield from self._closes()
            elif self._depth == self._base and self._start < 0 and not self._dropping:
                yield self._line_at(token.start()), self._base, token[0], "not a JSON object"

    def _opens(self, token: re.Match[str]) -> None:
        if self._depth == 0 == self._base and token[0] == "[" and self._start < 0:
            self._base = 1  # an array: its items are the records
        elif self._depth == self._base and not self._dropping:
            self._start = token.start()
            if self._indent is None:
                before = self._held[self._held.rfind("\n", 0, self._start) + 1 : self._start]
                self._indent = before if not before or before.isspace() else ""
        self._depth += 1

    def _closes(self) -> Iterator[Value]:
        self._depth = max(0, self._depth - 1)
        if self._depth == self._base:
            if self._start >= 0:
                restart = self._restart(self._at)
                broken = restart and not _is_json(self._held[self._start : self._at])
                yield self._given_up(restart) if broken else self._record(self._at, "")
            self._dropping = False
        elif self._depth < self._base:
            self._base = self._depth = 0

    def _record(self, stop: int, damage: str) -> Value:
        text = self._held[self._start : stop]
        line = self._line_at(self._start)
        self._start, self._any = -1, True
        return line, self._base, text, damage

    def _line_at(self, place: int) -> int:
        if place >= self._mark:
            self.line += self._held.count("\n", self._mark, place)
        else:
            self.line -= self._held.count("\n", place, self._mark)
        self._mark = place
        return self.line

    def _forget(self, until: int) -> None:
        self._line_at(until)
        self._held = self._held[until:]
        self._mark = 0
        self._at -= until
        self._start = 0 if self._start >= 0 else -1

    def _too_long(self) -> Iterator[Value]:
        restart = self._restart(len(self._held))
        if restart:
            yield self._given_up(restart)
            yield from self._scan()
            return
        yield self._record(self._start + 400, TOO_LONG)
        self._dropping = True
        if self._held[self._at : self._at + 1] == '"':
            self._in_string, self._at = True, len(self._held) - self._held.endswith("\\")

    def _restart(self, stop: int) -> int:
        """Where a later line begins as the first record did, while this one is still open; 0 if none does."""
        found = self._held.find(f"\n{self._indent}{self._held[self._start]}", self._start, stop)
        return found + 1 + len(self._indent or "") if found >= 0 else 0

    def _given_up(self, restart: int) -> Value:
        """The record that does not end, for its damage; looking goes on behind it."""
        value = self._record(restart, "broken JSON")
        self._at, self._depth, self._in_string = restart, self._base, False
        return value

    def _end(self) -> Iterator[Value]:
        """What is left unfinished when the text ends."""
        while self._start >= 0:
            restart = self._restart(len(self._held))
            if restart:
                yield self._given_up(restart)
                yield from self._scan()
            else:
                yield self._record(len(self._held), "broken JSON")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def records_of(value: dict[str, Any], wanted: list[str | int], place: str) -> list[Any] | None:
    """The records in an object that is a whole file; None if it is a record itself.

    Understood are columns (``{"text": [...], "label": [...]}``), what pandas writes (columns by index,
    rows by index, split), and one list of objects under any key.

    Raises:
        UserError: it is none of these; with what it is.
    """
    columns: list[Any] = [value.get(str(name)) for name in wanted]
    if wanted and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            lengths = ", ".join(
                f"{name} {len(column):,}" for name, column in zip(wanted, columns, strict=True)
            )
            raise UnreadableFile(f"{place}: an object of columns that differ in length: {lengths}; mend it")
        return [dict(zip(map(str, wanted), row, strict=True)) for row in zip(*columns, strict=True)]
    if wanted and all(isinstance(column, dict) for column in columns):
        return [
            {str(name): column.get(key) for name, column in zip(wanted, columns, strict=True)}
            for key in columns[0]
        ]
    if str(wanted[0]) in value or any(
        "." in str(name) and str(name).split(".")[0] in value for name in wanted
    ):
        return None
    lists = {key: rows for key, rows in value.items() if isinstance(rows, list)}
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return [dict(zip(value["columns"], row, strict=False)) for row in value["data"]]
    tables = [rows for rows in lists.values() if rows and all(isinstance(row, dict) for row in rows)]
    if len(tables) == 1:
        return tables[0]
    if value and all(isinstance(row, dict) for row in value.values()):
        return list(value.values())
    if lists:
        shown = ", ".join(f"{key} ({len(rows):,})" for key, rows in list(lists.items())[:10])
        raise UnreadableFile(
            f"{place}: one JSON object, and no column {wanted[0]!r} in it, but lists: {shown}; write the records "
            "that you mean as a file of their own (one array, or an object a line)"
        )
    return None


def loaded(text: str, codec: str) -> Any:
    """A record's value.

    Raises:
        ValueError: bytes that cannot be decoded (the message says so), or broken JSON.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"not {codec.removesuffix('-sig')}") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("broken JSON") from None
