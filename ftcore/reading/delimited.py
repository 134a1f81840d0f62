"""csv and tsv, one record at a time, so that a stray quote costs a line and not the rest of the file."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from ftcore.config import Source
from ftcore.errors import UnreadableFile, UserError
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.fields import Unusable, add_record, missing_column, wanted_columns
from ftcore.reading.records import TextLine

Row = tuple[int, list[str], str]
"""(1-based first line, cells, damage): with a `damage` the cells are only there to be quoted."""


def delimiter_of(source: Source, format: str) -> str:
    """The column separator: the configured one, else a tab for tsv and a comma for csv."""
    if source.delimiter in ('"', "\n", "\r"):
        raise UserError(
            f"source {source.path}: delimiter {source.delimiter!r} cannot separate columns; use , ; | or a tab"
        )
    return source.delimiter or ("\t" if format == "tsv" else ",")


def read_delimited(
    lines: Iterator[TextLine],
    out: BatchBuilder,
    source: Source,
    delimiter: str,
    place: str,
    header: str | None,
) -> Iterator[None]:
    """Documents of a csv or tsv file.

    Args:
        place: the file's name, for errors.
        header: the file's header line where `lines` start further down; None at the start of the file.

    Raises:
        UserError: the file lacks a column that the configuration names, or needs a header and has none.
    """
    wanted = wanted_columns(source)
    table = _Table(lines, delimiter, out.limit)
    rows = iter(table)
    if source.header:
        head = (
            next(iter(_Table(iter([(1, header, "")]), delimiter, out.limit))) if header is not None else None
        )
        head = head or next(rows, None)
        if head is None:
            return
        if head[2]:
            raise UnreadableFile(f"{place}, line {head[0]}: the header cannot be read: {head[2]}; mend it")
        names = [name.strip() for name in head[1]]
        table.width = len(names)
    else:
        names = []
    numbers = _numbers(wanted, names, source.header, place)
    if not source.header:
        table.least = max(numbers, default=0) + 1
    unproven = not source.header and header is None
    missing = set(source.na_values)
    out.header(names)
    for line, cells, damage in rows:
        out.beside(cells)
        if damage:
            out.reject(line, damage, delimiter.join(cells))
        elif len(cells) <= max(numbers):
            if unproven:
                raise missing_column(f"{place}, line {line}", max(numbers), cells)
            out.reject(line, f"short row ({len(cells)} columns)", delimiter.join(cells))
        else:
            try:
                values = [None if cells[i].strip() in missing else cells[i] for i in numbers]
                add_record(out, line, values, source)
            except Unusable as error:
                out.reject(line, str(error), delimiter.join(cells), error.step)
        unproven = unproven and bool(damage)
        yield


def _numbers(wanted: list[str | int], names: list[str], header: bool, place: str) -> list[int]:
    """Column numbers of the wanted columns."""
    numbers = []
    for column in wanted:
        if isinstance(column, int):
            if column < 0 or (header and column >= len(names)):
                raise missing_column(place, column, names)
            numbers.append(column)
        elif not header:
            raise UserError(
                f"{place}: column {column!r} is a name, but header is false; use numbers from 0, or set header: true"
            )
        elif column not in names:
            raise missing_column(place, column, names)
        else:
            numbers.append(names.index(column))
    return numbers


class _Table:
    """Rows of a csv file. Blank lines are skipped, quoted fields may span lines.

    A quote that opens a field, but is not closed at the end of one, or not within the limit, or so that
    rows get the wrong number of columns, is an ordinary character where the line alone has the right
    number of columns; else that one line is rejected. Reading goes on with the next line.

    Attributes:
        width: columns of the header; 0 if there is none.
        least: columns that a row needs where there is no header.
    """

    def __init__(self, lines: Iterator[TextLine], delimiter: str, limit: int) -> None:
        self.width = self.least = 0
        self._lines, self._delimiter, self._limit = lines, delimiter, limit
        self._again: deque[TextLine] = deque()  # lines behind a stray quote, read a second time

    def _next(self) -> TextLine | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def __iter__(self) -> Iterator[Row]:
        while (line := self._next()) is not None:
            number, text, damage = line
            if damage:
                yield number, [text], damage
            elif not text or text.isspace():
                continue
            elif '"' not in text:
                yield self._checked(number, text.split(self._delimiter))
            else:
                yield self._quoted(number, text)

    def _checked(self, number: int, cells: list[str]) -> Row:
        if not self.width or len(cells) == self.width:
            return number, cells, ""
        if len(cells) < self.width:
            return number, cells, f"short row ({len(cells)} of {self.width} columns)"
        if not any(cells[self.width :]):
            return number, cells[: self.width], ""  # trailing empty cells, as spreadsheets write them
        return number, cells, f"long row ({len(cells)} of {self.width} columns)"

    def _quoted(self, number: int, text: str) -> Row:
        """A record with quotes in it; it may take further lines."""
        taken: list[TextLine] = []
        whole = True

        def feed() -> Iterator[str]:
            nonlocal whole
            yield text + "\n"
            size = len(text)
            while (line := self._next()) is not None:
                taken.append(line)
                size += len(line[1]) + 1
                if line[2] or size > self._limit:
                    break
                yield line[1] + "\n"
            whole = False  # the reader asked for a line that is not there: the quote is still open

        row = self._checked(number, self._parsed(feed(), strict=True))
        if whole and row[1] and not (taken and row[2]):
            return row
        self._again.extendleft(reversed(taken))
        for cells in (text.split(self._delimiter), self._parsed(iter([text]), strict=False)):
            alone = self._checked(number, cells)
            if not alone[2] and len(cells) >= self.least:
                return alone
        return number, [text], "unclosed quote"

    def _parsed(self, lines: Iterator[str], strict: bool) -> list[str]:
        """The first record; [] if there is none. Strict: a closing quote must end its field."""
        try:
            with _any_field_size(2 * self._limit + 1024):
                return next(csv.reader(lines, delimiter=self._delimiter, strict=strict), [])
        except csv.Error:
            return []


class _any_field_size:
    """csv's limit on a field is one per process; raise it for the one call that needs it."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __enter__(self) -> None:
        self._before = csv.field_size_limit(self._size)

    def __exit__(self, *_: object) -> None:
        csv.field_size_limit(self._before)
