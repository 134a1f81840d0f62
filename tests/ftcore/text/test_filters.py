import pyarrow as pa

from ftcore.config import Filters
from ftcore.text.documents import REJECTED, TOKENIZED
from ftcore.text.filters import make_filter


def batch_of(*rows):
    full = [
        {
            "source": "s",
            "line": i,
            "text": "t",
            "labels": [],
            "language": language,
            "split": "",
            "tokens": tokens,
            "key": "",
        }
        for i, (language, tokens) in enumerate(rows, 1)
    ]
    return pa.RecordBatch.from_pylist(full, schema=TOKENIZED)


def test_reasons():
    step = make_filter(Filters(min_tokens=2, max_tokens=3, languages=["zh", "mixed"]))
    kept, rejected = step(
        batch_of(("zh", "a b"), ("zh", ""), ("zh", "a"), ("mixed", "a b c"), ("zh", "a b c d"), ("en", ""))
    )
    assert kept.schema == TOKENIZED and rejected.schema == REJECTED
    assert kept.column("line").to_pylist() == [1, 4]
    assert [(r["line"], r["step"], r["reason"]) for r in rejected.to_pylist()] == [
        (2, "filters", "too few tokens"),
        (3, "filters", "too few tokens"),
        (5, "filters", "too many tokens"),
        (6, "filters", "language"),
    ]


def test_nothing_to_reject_and_nothing_at_all():
    step = make_filter(Filters())
    kept, rejected = step(batch_of(("zh", "a")))
    assert kept.num_rows == 1 and rejected.num_rows == 0
    assert step(batch_of())[0].num_rows == 0
    assert make_filter(Filters(min_tokens=0))(batch_of(("en", "")))[0].num_rows == 1
