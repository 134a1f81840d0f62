"""Every kind of input gives the same bytes, again and again; what cannot be read says why."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ftcore.dictionary import columns
from ftcore.dictionary import lines as module
from ftcore.dictionary.columns import column_text
from ftcore.dictionary.lines import Lines
from ftcore.dictionary.tokens import text_of_lines
from ftcore.errors import UserError
from ftcore.native import PAD

ROWS = ["__label__x hello 世界", "", "b\ta  c", "\ufeff é \ud800", "__label__y __label__x last"]
TEXT = "".join(row + "\n" for row in ROWS).encode("utf-8", "surrogatepass")


def content(lines: Lines, whole_lines: bool = True) -> bytes:
    blocks = [block() for block in lines.blocks(whole_lines)]
    assert all(b.dtype == np.uint8 and not b[-PAD:].any() and b.flags.writeable for b in blocks)
    for block in blocks[:-1]:
        assert bytes(block[-PAD - 1 : -PAD]) in ([b"\n"] if whole_lines else [b" ", b"\n", b"\t"])
    return b"".join(block[:-PAD].tobytes() for block in blocks)


@pytest.fixture(params=[5, 16, 1 << 20])
def block(request, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", request.param)
    monkeypatch.setattr(module, "_ITEMS", 2)
    return request.param


PACKED = {
    "a.txt": bytes,
    "a": bytes,
    "a.gz": gzip.compress,
    "a.bz2": bz2.compress,
    "a.xz": lzma.compress,
    "a.zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("whole_lines", [True, False])
def test_files(tmp_path, name, whole_lines, block):
    path = tmp_path / name
    for text in (TEXT, TEXT[:-1], b"", b"\n", b"word", b"no newline at all but words"):
        path.write_bytes(PACKED[name](text))
        for given in (path, str(path), [path]):
            lines = Lines(given)
            assert content(lines, whole_lines) == content(lines, whole_lines) == text


def test_several_files_are_not_glued(tmp_path, block):
    for name, text in {"a": b"x y", "b.gz": gzip.compress(b"z z1 z2 z3 "), "c": b"", "d": b"v"}.items():
        (tmp_path / name).write_bytes(text)
    assert content(Lines([tmp_path / name for name in ("a", "b.gz", "c", "d")])) == b"x y\nz z1 z2 z3 \nv"
    assert content(Lines((tmp_path / "d", tmp_path / "a"))) == b"v\nx y"
    words = content(Lines([tmp_path / name for name in ("a", "b.gz", "c", "d")]), whole_lines=False)
    assert words == b"x y\nz z1 z2 z3 \nv"


class Again:
    """Can be iterated as often as one likes."""

    def __iter__(self):
        return iter(ROWS)


@pytest.mark.parametrize(
    "given",
    [
        lambda: ROWS,
        lambda: tuple(ROWS),
        lambda: iter(ROWS),
        lambda: (row for row in ROWS),
        lambda: Again(),
        lambda: [row.encode("utf-8", "surrogatepass") for row in ROWS],
        lambda: [ROWS[0], *(row.encode("utf-8", "surrogatepass") for row in ROWS[1:])],
        lambda: [row + "\n" for row in ROWS],
        lambda: np.array(ROWS, object),
    ],
)
def test_iterables(given, block):
    lines = Lines(given())
    assert content(lines) == content(lines) == TEXT
    assert content(Lines([])) == content(Lines(iter([]))) == b""


def test_an_open_file_is_read_once_and_kept(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(TEXT)
    with path.open("rb") as file:
        lines = Lines(file)
    path.unlink()
    assert content(lines) == content(lines) == TEXT


def table(labels, kind) -> pa.Table:
    return pa.table({"text": pa.array(["a b", None, "c\td", ""]), "gold": pa.array(labels, kind)})


@pytest.mark.parametrize(
    "kind", ["large_string", "string_view", "binary", "dictionary", "dictionary of bytes"]
)
def test_parquet_kinds_of_text(tmp_path, kind):
    texts = ["a b", None, "好", "a b"]
    raw = [t and t.encode() for t in texts]
    made = {
        "large_string": lambda: pa.array(texts, pa.large_string()),
        "string_view": lambda: pa.array(texts, pa.string_view()),
        "binary": lambda: pa.array(raw),
        "dictionary": lambda: pa.array(texts).dictionary_encode(),
        "dictionary of bytes": lambda: pa.array(raw).dictionary_encode(),
    }
    pq.write_table(pa.table({"text": made[kind]()}), tmp_path / "a.parquet")
    assert content(Lines(tmp_path / "a.parquet", tokens="text", labels="none")) == "a b\n\n好\na b\n".encode()


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["x", None, "__label__y", "z"], pa.string()),
        ([["x"], None, ["y", None], ["z"]], pa.list_(pa.string())),
        ([["x"], [], ["__label__y"], ["z"]], pa.large_list(pa.large_string())),
        (["x", None, "y", "z"], pa.large_string()),
        (["x", None, "y", "z"], pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_parquet(tmp_path, labels, kind, monkeypatch):
    monkeypatch.setattr(columns, "_ROWS", 3)
    pq.write_table(table(labels, kind), tmp_path / "a.parquet")
    lines = Lines(tmp_path / "a.parquet", tokens="text", labels="gold")
    assert content(lines) == content(lines) == b"__label__x a b\n \n__label__y c\td\n__label__z \n"
    assert content(Lines(tmp_path / "a.parquet", tokens="text", labels="none")) == b"a b\n\nc\td\n\n"
    both = Lines([tmp_path / "a.parquet", tmp_path / "a.parquet"], tokens="text", labels="none")
    assert content(both) == b"a b\n\nc\td\n\n" * 2


def test_labels_that_are_numbers(tmp_path):
    pq.write_table(table([1, 0, None, 7], pa.int64()), tmp_path / "a.parquet")
    lines = Lines(tmp_path / "a.parquet", tokens="text", labels="gold", label="#")
    assert content(lines) == b"#1 a b\n#0 \n c\td\n#7 \n"


def test_columns_as_text():
    assert bytes(column_text(pa.array(["a\nb", None, "", "c"]))[:-PAD]) == b"a b\n\n\nc\n"
    assert bytes(column_text(pa.array([b"\xff", b"x"]).slice(1))[:-PAD]) == b"x\n"
    assert len(column_text(pa.array([], pa.string()))) == PAD
    assert bytes(text_of_lines(["a\nb", b"c\n", "\ud800"])[:-PAD]) == b"a b\nc \n\xed\xa0\x80\n"
    assert bytes(text_of_lines(["a\nb\n", "c"])[:-PAD]) == b"a b \nc\n"


def test_what_cannot_be_read_says_why(tmp_path):
    def fails(match, given, **kw):
        with pytest.raises(UserError, match=match):
            content(Lines(given, **kw))

    fails("missing: there is no such file", tmp_path / "missing")
    fails("is a directory; name its files", tmp_path)
    fails("line 1: a newline at byte 1; a line is one document", ["fine", "a\nb"])
    fails("line 2: a newline at byte 0", (line for line in ["fine", "fine\n", b"\nb"]))
    fails("line 1: int .*, not str or bytes", ["fine", 5])
    fails("lines from int: give a path", 5)
    fails("lines from bytes: give a path", b"text")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(TEXT * 1000)[:-20])
    fails("cut.gz: truncated archive; unpack it anew", tmp_path / "cut.gz")
    (tmp_path / "no.zst").write_bytes(b"not packed")
    fails("no.zst: corrupt archive", tmp_path / "no.zst")
    (tmp_path / "no.parquet").write_bytes(b"not parquet")
    fails("no.parquet: not a Parquet file", tmp_path / "no.parquet")
    pq.write_table(table(["x", "y z", "x", "x"], pa.string()), tmp_path / "a.parquet")
    fails("no column 'tokens'; it has text, gold", tmp_path / "a.parquet")
    fails("a separator in column 'gold': 'y z'", tmp_path / "a.parquet", tokens="text", labels="gold")
    pq.write_table(pa.table({"tokens": [b"a", b"\xff"]}), tmp_path / "d.parquet")
    fails("'tokens' holds bytes that are no UTF-8", tmp_path / "d.parquet")
    for values in ([["a"]], [{"text": "a"}]):
        pq.write_table(pa.table({"tokens": values}), tmp_path / "d.parquet")
        fails("column 'tokens' holds (list|struct)<.*, not text", tmp_path / "d.parquet")
    pq.write_table(pa.table({"tokens": ["a\nb"]}), tmp_path / "b.parquet")
    fails("a newline in column 'tokens': 'a\\\\nb'", tmp_path / "b.parquet")
    pq.write_table(pa.table({"tokens": [5]}), tmp_path / "c.parquet")
    fails("column 'tokens' holds int64, not text", tmp_path / "c.parquet")


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(TEXT)
    (block,) = Lines(path).blocks()
    path.write_bytes(TEXT[:5])
    with pytest.raises(UserError, match="became shorter while it was read"):
        block()
