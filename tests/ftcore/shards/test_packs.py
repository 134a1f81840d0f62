"""Small files in packs: the borders, what moves them, and that they leave no trace in what is prepared."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

import ftcore.text.tokenizer
from ftcore.config import Filters, Ingest, Source
from ftcore.reading.sources import Part, cut_file, list_files
from ftcore.reading.suffixes import ARCHIVES
from ftcore.shards.commit import CommitOptions, commit_shards
from ftcore.shards.copies import drop_copies
from ftcore.shards.manifest import MANIFEST
from ftcore.shards.packs import PACK_BYTES, Pack, pack_parts
from ftcore.shards.prepare import DOCS, QUARANTINE, prepare_part, prepare_parts

PART = Part(0, "s", "", "", "lines", "", "utf-8", 0, -1, 1, "")


def made(sizes: list[int], first: int = 0, **fields) -> tuple[list[Part], dict[str, int]]:
    names = [f"d/{number + first:05d}.txt" for number in range(len(sizes))]
    parts = [replace(PART, path=name, relative=name, **fields) for name in names]
    return parts, dict(zip(names, sizes, strict=True))


def packed(parts: list[Part], sizes: dict[str, int], part_bytes: int = 32_000_000) -> list[list[str]]:
    packs = pack_parts(parts, part_bytes, sizes.__getitem__)
    assert [p for pack in packs for p in pack.parts] == parts, "nothing is lost and the order stays"
    return [[part.relative for part in pack.parts] for pack in packs]


@pytest.mark.parametrize("wanted", [PACK_BYTES, 100_000])
def test_packs_are_of_bounded_size(wanted: int):
    rng = random.Random(0)
    parts, sizes = made([rng.randrange(2000) for _ in range(20_000)])
    packs = packed(parts, sizes, part_bytes=wanted)
    weights = [sum(sizes[name] + 1024 for name in pack) for pack in packs]
    assert max(weights) < 2 * wanted + 4000
    total = sum(weights)
    assert total / wanted / 2 <= len(packs) < 2 * total / wanted + 2, "and not much smaller than wanted"


def test_empty_files_are_bounded_in_number():
    parts, sizes = made([0] * 30_000)
    assert max(map(len, packed(parts, sizes))) <= 2 * PACK_BYTES / 1024 + 1


def test_what_stays_alone():
    """Large files, parts of files, the last and first file of neighbouring sources."""
    parts, sizes = made([10, PACK_BYTES // 2, 10, 10])
    assert [len(pack) for pack in packed(parts, sizes)] == [1, 1, 2]
    parts, sizes = made([10, 10, 10])
    parts[1] = replace(parts[1], start=5)
    assert [len(pack) for pack in packed(parts, sizes)] == [1, 1, 1]
    parts[1] = replace(parts[1], start=0, source=1)
    assert [len(pack) for pack in packed(parts, sizes)] == [1, 1, 1]
    assert packed([], {}) == []
    parts, sizes = made([PACK_BYTES // 8, PACK_BYTES // 8], compression="gz")
    assert [len(pack) for pack in packed(parts, sizes)] == [1, 1], "it unpacks to more"


def test_an_archive_is_a_pack_itself():
    parts, sizes = made([10, 10, 10])
    for format in ARCHIVES.values():
        parts[1] = replace(parts[1], format=format)
        assert [len(pack) for pack in packed(parts, sizes)] == [1, 1, 1]


@pytest.mark.parametrize("change", ["grows", "goes", "comes"])
def test_a_change_of_one_file_stays_in_its_pack(change: str):
    rng = random.Random(1)
    parts, sizes = made([rng.randrange(500, 1500) for _ in range(10_000)])
    before = packed(parts, sizes, part_bytes=200_000)
    touched = []
    for at in rng.sample(range(len(parts)), 40):
        now, lengths = list(parts), dict(sizes)
        if change == "grows":
            lengths[parts[at].relative] += 300
        elif change == "goes":
            del now[at]
        else:
            new = replace(parts[at], relative=parts[at].relative + ".new.txt", path="new")
            now.insert(at, new)
            lengths["new"] = 700
        after = packed(now, lengths, part_bytes=200_000)
        touched.append(len([pack for pack in after if pack not in before]))
    assert sorted(touched)[20] <= 1 and sum(touched) / 40 < 3 and max(touched) < len(before) / 4


def test_there_and_back_through_json():
    pack = Pack([PART, replace(PART, relative="b", first_line=3)])
    assert Pack.of_plain(pack.plain()).parts == pack.parts and len(pack) == 2
    assert repr(pack) == "Pack(s: and 1 more)"


# ------------------------------------------------------------------------------ what is prepared
TEXTS = [
    "a first document\nand a second\n",
    "",
    "  \n\n",
    "broken \0 here\nsound again\n",
    "第一篇文章\n买了手机\n",
    "and a second\n",  # a copy of an earlier file's
    "\n".join(f"line {n} of a longer file with some words" for n in range(300)),
]


@pytest.fixture
def options(tmp_path: Path) -> CommitOptions:
    folder = tmp_path / "data" / "deep"
    folder.mkdir(parents=True)
    for number in range(60):
        text = TEXTS[number % len(TEXTS)].replace("document", f"document {number}")
        data = text.encode("gb18030" if number % 14 == 4 else "utf-8")
        (folder / f"{number:03d}.txt").write_bytes(data)
    source = Source(path=str(tmp_path / "data"), split="train")
    return CommitOptions(ingest=Ingest(sources=[source], max_reject_share=0.5), filters=Filters(min_tokens=2))


def parts_of(options: CommitOptions) -> list[Part]:
    return [p for f in list_files(options.ingest, ".") for p in cut_file(f, options.ingest)]


def shards_of(parts: list[Part | Pack], options: CommitOptions, work: Path) -> Path:
    done = prepare_parts(parts, options, work / "parts", workers=1)
    drop_copies([Path(p.path) for p in done], work / "drops", work)
    commit_shards(done, work / "drops", options, work / "shards")
    return work / "shards"


def test_shards_do_not_depend_on_packing(options: CommitOptions, tmp_path: Path):
    """Documents, quarantine and manifest are the same bytes, whether each file is prepared alone or not."""
    parts = parts_of(options)
    alone = shards_of(parts, options, tmp_path / "alone")
    by_size = shards_of(pack_parts(parts, 10_000), options, tmp_path / "packs")
    at_once = shards_of([Pack(parts)], options, tmp_path / "once")
    names = sorted(p.name for p in alone.iterdir())
    assert MANIFEST in names and QUARANTINE in names
    for other in (by_size, at_once):
        assert {n: (other / n).read_bytes() for n in names} == {n: (alone / n).read_bytes() for n in names}


def test_a_pack_is_read_in_few_batches(options: CommitOptions, tmp_path: Path, monkeypatch):
    """The cost of a batch (dozens of Arrow calls) is not paid for each small file."""
    seen = []
    real = ftcore.text.tokenizer.Tokenizer.apply
    monkeypatch.setattr(
        ftcore.text.tokenizer.Tokenizer, "apply", lambda self, b: seen.append(len(b)) or real(self, b)
    )
    prepared = prepare_part(Pack(parts_of(options)), options, tmp_path / "out")
    assert sum(seen) >= prepared.rows > 2000 and len(seen) == -(-sum(seen) // 2000)
    assert (tmp_path / "out" / DOCS).is_file()
