import pyarrow as pa

from ftcore.reading.documents import DOCUMENT, REJECTED, BatchBuilder, empty, excerpt, rejected_rows


def test_excerpt_is_short_printable_and_on_one_line():
    shown = excerpt("a\n\x00\ud800" + "长" * 500)
    assert len(shown) == 80 and shown.isprintable() and "\n" not in shown
    assert excerpt(b"\xff\xfe" + b"x" * 1000).isprintable()


def test_builder_fills_the_schemas_and_starts_over():
    out = BatchBuilder("s:f", "zh", "", limit=10)
    out.add(1, "好", ["a"])
    out.add(2, "x", split="test")
    out.reject(3, "broken", b"\xff")
    ((documents, rejected),) = out.take()
    assert documents.schema == DOCUMENT and rejected.schema == REJECTED
    assert documents.to_pylist() == [
        {"source": "s:f", "line": 1, "text": "好", "labels": ["a"], "language": "zh", "split": ""},
        {"source": "s:f", "line": 2, "text": "x", "labels": [], "language": "zh", "split": "test"},
    ]
    assert rejected.column("reason").to_pylist() == ["broken"]
    assert list(out.take()) == []


def test_builder_rejects_what_no_later_step_can_handle():
    out = BatchBuilder("s:f", "", "", limit=10)
    for line, text in enumerate(["\ud800", "a\0b", "四个汉字", " \n "], 1):
        out.add(line, text)
    out.add(5, "fine", ["bad\udfff"])
    out.add(6, "fine", ["bad\0"])
    out.add(7, "0123456789")
    ((documents, rejected),) = out.take()
    assert documents.column("line").to_pylist() == [7]
    assert list(
        zip(rejected.column("step").to_pylist(), rejected.column("reason").to_pylist(), strict=True)
    ) == [
        ("read", "lone surrogate"),
        ("read", "NUL byte"),
        ("read", "longer than max_document_bytes"),
        ("filters", "empty"),
        ("read", "lone surrogate"),
        ("read", "NUL byte"),
    ]


def test_builder_is_full_by_rows_and_by_bytes():
    by_rows, by_bytes, by_rejects = (BatchBuilder("s", "", "", 1 << 30) for _ in range(3))
    for i in range(1, 2000):
        by_rows.add(i, "x")
        by_rejects.reject(i, "no")
    assert not by_rows.full and not by_rejects.full
    by_rows.add(2000, "x")
    by_rejects.reject(2000, "no")
    assert by_rows.full and by_rejects.full
    by_bytes.add(1, "x" * (1 << 20))
    assert by_bytes.full


def test_rejected_rows_take_the_place_from_the_batch():
    batch = pa.RecordBatch.from_pylist(
        [
            {"source": "s", "line": i, "text": "t" * i, "labels": [], "language": "", "split": ""}
            for i in (1, 2, 3)
        ],
        schema=DOCUMENT,
    )
    rows = rejected_rows(batch, [2, 0], "step", ["a", "b"])
    assert rows.to_pylist() == [
        {"source": "s", "line": 3, "step": "step", "reason": "a", "excerpt": "ttt"},
        {"source": "s", "line": 1, "step": "step", "reason": "b", "excerpt": "t"},
    ]
    assert rejected_rows(batch, [], "step", []).schema == REJECTED
    assert empty(REJECTED).num_rows == 0
