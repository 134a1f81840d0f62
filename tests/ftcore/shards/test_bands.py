"""MinHash bands: as often equal as documents are alike, the same everywhere, and kept as long as they are true."""

import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from ftcore import native
from ftcore.base.strings import string_buffers, strings
from ftcore.config import NearCopies
from ftcore.errors import UnreadableFile
from ftcore.shards import bands
from ftcore.shards.bands import bands_of, kept_bands
from ftcore.shards.shards import SHARD, RowGroupWriter


def test_signatures_agree_as_often_as_documents_are_alike():
    rng = random.Random(3)
    base = [f"w{rng.randrange(10**6)}" for _ in range(2000)]
    texts = [" ".join(base), " ".join(base[:1000] + base[1200:]), " ".join(base[:400] + ["x"] + base[400:])]
    words = [text.split() for text in texts]
    sets = [{tuple(each[at : at + 5]) for at in range(len(each) - 4)} for each in words]
    out = np.empty((4096, 3), np.uint32)
    native.minhash_bands(*string_buffers(strings(texts)), np.zeros(3, bool), 5, 5, out, 1)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        share = float((out[:, a] == out[:, b]).mean())
        true = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        assert abs(share - true) < 4 * (true * (1 - true) / 4096) ** 0.5 + 1e-3


@pytest.mark.parametrize("variant", [name for name, supported in native.PROCESSORS if supported])
def test_every_processor_makes_the_same_bands(variant):
    code = (
        "import numpy as np, hashlib; from ftcore import native;"
        "data = (np.arange(20000) ** 2 // 7 % 95 + 32).astype(np.uint8);"
        "offsets = np.arange(0, 20001, 100); out = np.empty((21, 200), np.uint32);"
        "native.minhash_bands(data, offsets, np.arange(200) % 2 == 0, 5, 2, out, 6);"
        "print(hashlib.sha256(out).hexdigest()[:16])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"FTCORE_PROCESSOR": variant},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "2972d754041056b7"  # other values: raise VERSION


def test_bands_find_what_the_threshold_says():
    for threshold in np.linspace(0.3, 1, 15):
        bands, rows = bands_of(float(threshold))
        assert bands * rows <= 128 and 1 - (1 - threshold**rows) ** bands >= 0.99


def save(path, texts):
    writer = RowGroupWriter(path, 1000)
    rows = [
        {"id": "", "language": "en", "split": "", "labels": [], "tokens": text, "source": ""}
        for text in texts
    ]
    writer.write(pa.RecordBatch.from_pylist(rows, schema=SHARD))
    writer.close()


@pytest.fixture
def made(monkeypatch):
    """How often bands were made."""
    calls, write = [], bands.write_bands

    def counted(documents, options, out):
        calls.append(documents.name)
        write(documents, options, out)

    monkeypatch.setattr(bands, "write_bands", counted)
    return calls


def test_kept_bands_are_made_once(tmp_path, made):
    path, options = tmp_path / "docs.parquet", NearCopies()
    save(path, ["one two three", "four five"])
    first = kept_bands(path, options)
    assert kept_bands(path, options) == first and made == ["docs.parquet"]
    assert np.load(first).shape == (bands_of(options.threshold)[0], 2)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "docs.parquet").write_bytes(path.read_bytes())
    assert (
        kept_bands(tmp_path / "other" / "docs.parquet", options).name == first.name
    )  # the content names them


@pytest.mark.parametrize(
    "options", [{"threshold": 0.5}, {"words": 3}, {"characters": 3}], ids=["threshold", "words", "characters"]
)
def test_other_options_have_bands_of_their_own(tmp_path, options):
    path = tmp_path / "docs.parquet"
    save(path, ["one two three four five six seven"])
    first = kept_bands(path, NearCopies())
    assert kept_bands(path, NearCopies(**options)) != first
    assert len(list(tmp_path.glob("bands-*"))) == 1  # no two lie there


def test_bands_of_other_content_or_of_an_earlier_version_are_not_taken(tmp_path, made, monkeypatch):
    path, options = tmp_path / "docs.parquet", NearCopies()
    save(path, ["one two three"])
    first = kept_bands(path, options)
    save(path, ["one two four"])
    second = kept_bands(path, options)
    monkeypatch.setattr(bands, "VERSION", 0)
    third = kept_bands(path, options)
    assert len({first, second, third}) == 3 and len(made) == 3
    assert list(tmp_path.glob("bands-*")) == [third]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_damaged_bands_are_made_anew(tmp_path, made, damage):
    path, options = tmp_path / "docs.parquet", NearCopies()
    save(path, [f"text number {n}" for n in range(50)])
    whole = kept_bands(path, options).read_bytes()
    wrong = bytearray(whole)
    wrong[len(wrong) // 2] ^= 1
    kept_bands(path, options).write_bytes({"cut": whole[:-40], "flipped": wrong, "empty": b""}[damage])
    assert kept_bands(path, options).read_bytes() == whole and len(made) == 2


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(UnreadableFile, match="docs.parquet: No such file"):
        kept_bands(tmp_path / "docs.parquet", NearCopies())
