"""The sample data of the quick start: what examples/sample/generate.py promises."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from examples.sample import generate

FILES = {"labelled_en.jsonl", "labelled_zh.csv", "unlabelled_en.txt", "unlabelled_zh.txt"}
COLUMNS = ["text", "label", "split", "lang", "seeds"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample")
    generate.write(out, seed=0)
    return out


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The good records of each labelled file."""
    english = []
    for line in (folder / "labelled_en.jsonl").read_bytes().splitlines():
        try:
            english.append(json.loads(line))
        except ValueError:  # a broken record or an undecodable byte
            continue
    with open(folder / "labelled_zh.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        chinese = [row for row in csv.DictReader(file) if row["seeds"] not in (None, "none")]
    return {"en": english, "zh": chinese}


@pytest.fixture(scope="module")
def paragraphs(folder: Path) -> dict[str, list[bytes]]:
    return {code: (folder / f"unlabelled_{code}.txt").read_bytes().splitlines() for code in ("en", "zh")}


def _trees() -> dict[str, dict]:
    return {
        c: generate.yaml.safe_load((generate.HERE / f"{c}.yaml").read_text("utf-8")) for c in ("en", "zh")
    }


def _text_of(documents: list[dict[str, str]], split: str) -> str:
    return "\n".join(d["text"] for d in documents if d["split"] == split)


def test_same_seed_same_bytes(folder: Path, tmp_path: Path) -> None:
    generate.write(tmp_path, seed=0)
    assert {p.name for p in tmp_path.iterdir()} == FILES
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_another_seed_other_data(folder: Path) -> None:
    one, other = (generate.load_language("en", seed) for seed in (0, 1))
    assert one.seeds != other.seeds
    assert one.held != other.held


def test_seed_sentences_are_many_and_both_languages_have_the_same_topics_and_slots() -> None:
    en, zh = _trees().values()
    sentences = []
    for tree in (en, zh):
        sentences += [line for topic in tree["topics"].values() for line in topic["sentences"].splitlines()]
    assert len(sentences) == len(set(sentences)) >= 500
    assert list(en["topics"]) == list(zh["topics"])
    assert len(en["topics"]) >= 8
    assert en["common"].keys() == zh["common"].keys()
    for topic in en["topics"]:
        assert en["topics"][topic]["words"].keys() == zh["topics"][topic]["words"].keys()


def test_every_slot_is_defined() -> None:
    for code, tree in _trees().items():
        for name, topic in tree["topics"].items():
            known = topic["words"].keys() | tree["common"].keys()
            assert set(generate.SLOT.findall(topic["sentences"])) <= known, (code, name)
        assert set(generate.SLOT.findall(tree["fillers"])) <= {"other"}
        assert set(generate.SLOT.findall(tree["frames"])) <= {"w"} | tree["common"].keys()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_seed_sentence_belongs_to_one_split(seed: int) -> None:
    for code in generate.LANGUAGES:
        language = generate.load_language(code, seed)
        owners = Counter(s for pools in language.seeds.values() for pool in pools.values() for s, _ in pool)
        assert set(owners.values()) == {1}
        for pool in (*language.topics, "filler", "frame"):
            assert all(language.seeds[split][pool] for split in generate.SEED_SHARES)


def test_documents_of_two_splits_share_no_seed_sentence(rows, paragraphs) -> None:
    """By the `seeds` column, and independently by the fixed words of each sentence in the texts."""
    for code, documents in rows.items():
        texts = {split: _text_of(documents, split) for split in generate.DOCUMENTS}
        texts["unlabelled"] = b"\n".join(paragraphs[code]).decode("utf-8", "replace")
        used: dict[str, set[str]] = {}
        for document in documents:
            for name in document["seeds"].split():
                used.setdefault(name, set()).add(document["split"])
        assert {len(splits) for splits in used.values()} == {1}

        tree = _trees()[code]
        pools = {name: topic["sentences"] for name, topic in tree["topics"].items()}
        pools |= {"filler": tree["fillers"], "frame": tree["frames"]}
        checked = 0
        for pool, lines in pools.items():
            for name, line in generate._numbered(f"{code}-{pool}", lines):
                fixed = max(re.split(r"\{\w+\}", line), key=len).strip(" ,.，。")
                if len(fixed) < (20 if code == "en" else 8):
                    continue
                checked += 1
                found = {split for split, text in texts.items() if fixed in text}
                own = used.get(name, {"unlabelled"})
                allowed = own | ({"unlabelled"} if own == {"train"} else set())
                assert found <= allowed, (name, fixed, found)
        assert checked > 150


def test_held_out_words_are_in_unlabelled_and_test_but_not_in_train(rows, paragraphs) -> None:
    for code, other in (("en", "zh"), ("zh", "en")):
        language, foreign = (generate.load_language(c, 0) for c in (code, other))
        train, test = (_text_of(rows[code], split).lower() for split in ("train", "test"))
        unlabelled = b"\n".join(paragraphs[code]).decode("utf-8", "replace").lower()
        held = {w.lower() for slots in language.held.values() for words in slots.values() for w in words}
        both = (language, foreign)
        every = {
            w.lower()
            for one in both
            for slots in one.shown.values()
            for words in slots.values()
            for w in words
        }
        # a held-out word may be part of a longer shown one, or of a sentence's fixed words
        sentences = "\n".join(t for pool in language.seeds["train"].values() for _, t in pool)
        alone = [w for w in held if not any(w in e for e in every) and w not in sentences.lower()]
        assert len(alone) > 250
        leaked = [w for w in alone if w in train]
        if code == "en":  # inside a longer word it does not count: "serve" in "served"
            leaked = [w for w in leaked if re.search(rf"\b{re.escape(w)}\b", train)]
        assert not leaked
        assert sum(w in test for w in alone) > 0.8 * len(alone)
        assert sum(unlabelled.count(w) >= 20 for w in alone) > 0.95 * len(alone)


def test_counts_and_labels(rows) -> None:
    labels = {code: Counter(d["label"] for d in documents) for code, documents in rows.items()}
    assert labels["en"].keys() == labels["zh"].keys() == _trees()["en"]["topics"].keys()
    for code, documents in rows.items():
        assert len(documents) == 10_000
        assert list(documents[0]) == COLUMNS
        assert Counter(d["split"] for d in documents) == generate.DOCUMENTS
        assert min(labels[code].values()) > 900


def test_unlabelled_sizes(folder: Path, paragraphs) -> None:
    good = [line for code in ("en", "zh") for line in paragraphs[code] if len(line) < 1_000_000]
    assert 5_000_000 <= sum(len(line) + 1 for line in good) <= 6_000_000
    assert sum((folder / name).stat().st_size for name in FILES) < 12_000_000


def test_mixed_languages(rows, paragraphs) -> None:
    for code, documents in rows.items():
        languages = Counter(d["lang"] for d in documents)
        assert set(languages) == {code, "mixed"}
        assert 0.04 < languages["mixed"] / len(documents) < 0.2
    mixed = sum(generate.script_of(line.decode("utf-8", "replace")) == "mixed" for line in paragraphs["zh"])
    assert mixed > 500


def test_duplicates(rows) -> None:
    for documents in rows.values():
        texts = Counter(d["text"] for d in documents)
        copies = sum(n - 1 for n in texts.values())
        assert 0.005 < copies / len(documents) < 0.05
        splits: dict[str, set[str]] = {}
        for d in documents:
            splits.setdefault(d["text"], set()).add(d["split"])
        assert all(len(found) == 1 for found in splits.values())
        reposts = [t for t in texts if t.startswith(("RT: ", "转："))]
        originals = " ".join(texts)
        assert len(reposts) > 20
        assert all(originals.count(re.sub("^(RT: |转：)", "", t)[:-1]) >= 2 for t in reposts)


@pytest.mark.parametrize(
    "noise",
    [
        r"<p>.*</p>",
        r"<br/>",
        r"&nbsp;",
        r"https://www\.example\.org/",
        r"\w+@example\.com",
        r"[ａ-ｚ]",
        r"!!!",
        r"   ",
    ],
)
def test_noise(rows, noise: str) -> None:
    for code, documents in rows.items():
        if code == "zh" and noise in (r"[ａ-ｚ]", r"   "):
            continue  # Chinese text has few letters and blanks to spoil
        share = sum(bool(re.search(noise, d["text"])) for d in documents) / len(documents)
        assert 0.001 < share < 0.06


def test_traditional_chinese(rows) -> None:
    share = sum(bool(re.search("[說個們這關時會]", d["text"])) for d in rows["zh"]) / len(rows["zh"])
    assert 0.005 < share < 0.06


def test_broken_records_are_there_and_few(folder: Path, paragraphs) -> None:
    def undecodable(lines: list[bytes]) -> int:
        return sum(line.decode("utf-8", "ignore").encode() != line for line in lines)

    lines = (folder / "labelled_en.jsonl").read_bytes().splitlines()
    assert undecodable(lines) == 1
    assert len(lines) - 10_000 == 5
    table = (folder / "labelled_zh.csv").read_bytes().splitlines()
    assert undecodable(table) == 1
    decoded = [line.decode("utf-8", "replace") for line in table]
    assert sum(len(row) < len(COLUMNS) for row in csv.reader(decoded)) == 2
    for code, documents in paragraphs.items():
        assert undecodable(documents) == 1
        assert sum(len(line) > 1_000_000 for line in documents) == (code == "en")
