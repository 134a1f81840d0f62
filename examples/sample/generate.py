"""Compose the hand-written seed sentences of this folder into the data of the quick start.

``python examples/sample/generate.py --out examples/sample/data --seed 0`` writes

* ``labelled_en.jsonl``   English, JSON lines: text, label, split, lang, seeds
* ``labelled_zh.csv``     Chinese, csv with the same columns
* ``unlabelled_en.txt``, ``unlabelled_zh.txt``   a paragraph a line

The same seed gives the same bytes. A seed sentence belongs to one of train, valid, test or
unlabelled, so no two splits share one; unlabelled paragraphs use those of train and their own.
The word lists are divided as well: held-out words occur in valid, test and unlabelled text, never
in a labelled training document. Pretraining sees them beside the words of train, which is what it
can teach a classifier.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")

DOCUMENTS = {"train": 8000, "valid": 800, "test": 1200}  # a language
UNLABELLED_BYTES = 2_550_000  # a language
SEED_SHARES = {"train": 0.45, "valid": 0.15, "test": 0.25, "unlabelled": 0.15}
HELD_OUT_WORDS = 0.45  # share of each word list that labelled train never shows
HELD_OUT_USE = 0.33  # how often a slot of valid and test takes one of them
SHAPES = {"topic": 1, "topic+filler": 1, "topic+frame": 4, "frame+filler": 1, "frame+frame": 4}  # weights
MIXED = 0.08  # documents with words of the other language
NOISE = 0.12  # documents with one kind of noise
WRONG_LABEL = 0.02  # of train
NEAR_DUPLICATES, EXACT_DUPLICATES = 0.02, 0.01
ADJECTIVES = {"taste"}  # the lists that are no nouns, which {w} and {other} leave out

SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Document:
    """One text; `seeds` names the seed sentences it was composed of."""

    text: str
    label: str
    split: str
    lang: str  # en, zh or mixed
    seeds: tuple[str, ...]


@dataclass
class Language:
    """The seeds of one language: sentences by split, words divided into shown and held out."""

    code: str
    common: dict[str, list[str]]
    shown: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # topic -> slot -> words
    held: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    seeds: dict[str, dict[str, list[tuple[str, str]]]] = field(default_factory=dict)  # split -> topic
    traditional: dict[int, str] = field(default_factory=dict)

    @property
    def topics(self) -> list[str]:
        return list(self.shown)

    def words(self, topic: str, slot: str) -> list[str]:
        return self.shown[topic][slot] + self.held[topic][slot]


# ------------------------------------------------------------------------------------ seeds
def load_language(code: str, seed: int) -> Language:
    """Read ``{code}.yaml`` and divide its sentences and words; a pure function of the seed."""
    tree = yaml.safe_load((HERE / f"{code}.yaml").read_text(encoding="utf-8"))
    rng = random.Random(f"{seed} divide {code}")
    language = Language(code, {slot: _words(line) for slot, line in tree["common"].items()})
    language.seeds = {split: {} for split in SEED_SHARES}
    for topic, content in tree["topics"].items():
        language.shown[topic], language.held[topic] = {}, {}
        for slot, line in content["words"].items():
            words = _words(line)
            rng.shuffle(words)
            cut = round(len(words) * HELD_OUT_WORDS)
            language.held[topic][slot], language.shown[topic][slot] = words[:cut], words[cut:]
        _divide(language, topic, content["sentences"], rng)
    _divide(language, "filler", tree["fillers"], rng)
    _divide(language, "frame", tree["frames"], rng)
    language.traditional = {ord(a): b for a, b in tree.get("traditional", "").split()}
    return language


def _words(line: str) -> list[str]:
    return re.split(r"[,、]\s*", line.strip())


def _numbered(prefix: str, lines: str) -> list[tuple[str, str]]:
    return [(f"{prefix}-{i:02}", line) for i, line in enumerate(lines.splitlines(), 1)]


def _divide(language: Language, topic: str, lines: str, rng: random.Random) -> None:
    """Give each seed sentence to exactly one split."""
    seeds = _numbered(f"{language.code}-{topic}", lines)
    rng.shuffle(seeds)
    start = 0
    for split, share in SEED_SHARES.items():
        stop = len(seeds) if split == "unlabelled" else start + round(len(seeds) * share)
        language.seeds[split][topic] = sorted(seeds[start:stop])
        start = stop


# ------------------------------------------------------------------------------------ composing
class Composer:
    """Fills the slots of seed sentences and joins them to documents."""

    def __init__(self, language: Language, foreign: Language, rng: random.Random):
        self.language, self.foreign, self.rng = language, foreign, rng

    def sentence(self, template: str, topic: str, split: str, foreign: bool = False) -> str:
        """Fill the slots of one seed sentence; `foreign` takes the other language's words for one."""
        slots = SLOT.findall(template)
        mixable = [i for i, slot in enumerate(slots) if slot not in ("n", "day", "other")]
        swap = self.rng.choice(mixable) if foreign and mixable else -1
        used: set[str] = set()
        parts = SLOT.split(template)  # text, slot, text, slot, ... text
        for i, slot in enumerate(slots):
            source = self.foreign if i == swap else self.language
            words = [w for w in self._choices(source, slot, topic, split) if w not in used]
            word = self.rng.choice(words)
            used.add(word)
            if i == swap and self.language.code == "zh":
                word = f" {word} "
            parts[2 * i + 1] = word
        return self._polish("".join(parts))

    def _choices(self, language: Language, slot: str, topic: str, split: str) -> list[str]:
        if slot in language.common:
            return language.common[slot]
        if slot == "other":
            other = self.rng.choice([t for t in language.topics if t != topic])
            slot = self.rng.choice([s for s in language.shown[other] if s not in ADJECTIVES])
            return self._words(language, other, slot, split)
        if slot == "w":
            slot = self.rng.choice([s for s in language.shown[topic] if s not in ADJECTIVES])
        return self._words(language, topic, slot, split)

    def _words(self, language: Language, topic: str, slot: str, split: str) -> list[str]:
        if split == "train":
            return language.shown[topic][slot]
        if split == "unlabelled":
            return language.words(topic, slot)
        held = self.rng.random() < HELD_OUT_USE
        return (language.held if held else language.shown)[topic][slot]

    def _polish(self, text: str) -> str:
        """Capital at the start, `an` before a vowel, no doubled blanks."""
        text = re.sub(r" {2,}", " ", text).strip()
        if self.language.code == "en":
            text = re.sub(r"\b([Aa]) (?=[aeioAEIO]|und|SUV)", r"\1n ", text)
            return text[0].upper() + text[1:]
        return re.sub(r" (?=[，。？！：、；])", "", text)

    def document(self, topic: str, split: str) -> Document:
        """One labelled document: one or two sentences about the topic, perhaps one about nothing."""
        rng = self.rng
        pools = rng.choices(list(SHAPES), SHAPES.values())[0].split("+")
        pools = [topic if pool == "topic" else pool for pool in pools]
        rng.shuffle(pools)
        return self._compose(topic, [(pool, topic) for pool in pools], [split], split)

    def _compose(self, label: str, plan: list[tuple[str, str]], splits: list[str], split: str) -> Document:
        """Sentences from the pools of the plan, each with words of its topic, joined."""
        foreign = self.rng.randrange(len(plan)) if self.rng.random() < MIXED else -1
        names: list[str] = []
        texts = []
        for i, (pool, topic) in enumerate(plan):
            seeds = [s for part in splits for s in self.language.seeds[part][pool] if s[0] not in names]
            name, template = self.rng.choice(seeds)
            names.append(name)
            texts.append(self.sentence(template, topic, split, i == foreign))
        text = (" " if self.language.code == "en" else "").join(texts)
        return Document(text, label, split, script_of(text), tuple(names))

    def paragraph(self) -> Document:
        """One unlabelled line: a few sentences of one topic, often of a second one as well."""
        rng = self.rng
        plan = []
        for topic in rng.sample(self.language.topics, 2 if rng.random() < 0.25 else 1):
            plan += [("frame" if rng.random() < 0.5 else topic, topic) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.3:
            plan.append(("filler", topic))
        return self._compose("", plan, ["unlabelled", "train"], "unlabelled")


def script_of(text: str) -> str:
    """zh, en or mixed by the scripts that occur."""
    has_zh, has_en = re.search(r"[\u4e00-\u9fff]", text), re.search(r"[A-Za-z]{2,}", text)
    return "mixed" if has_zh and has_en else "zh" if has_zh else "en"


# ------------------------------------------------------------------------------------ noise
def add_noise(text: str, language: Language, rng: random.Random) -> str:
    """One kind of the dirt that real text has."""
    kind = rng.choice(["html", "url", "mail", "width", "typo", "marks", "blanks", "case"])
    number = rng.randint(100, 99999)
    if kind == "html":
        return rng.choice(["<p>{}</p>", "<b>{}</b><br/>", "&nbsp;{}", '<div class="post">{}</div>']).format(
            text
        )
    if kind == "url":
        return f"{text} https://www.example.org/{rng.choice(['news', 'post', 'p'])}/{number}?from=app"
    if kind == "mail":
        return f"{text} reader{number}@example.com"
    if kind == "width" and language.code == "zh":
        return text.replace("，", ",").replace("。", ".")
    if kind == "width":  # full-width letters, digits and marks
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and rng.random() < 0.3 else c for c in text)
    if kind == "marks":
        return text[:-1] + rng.choice(["!!!", "...", "???", "！！！", "。。。", "~~", "!?!?"])
    if kind == "blanks":
        return "  " + text.replace(" ", "   ", 2) + " \t"
    if language.code == "zh":
        return text.translate(language.traditional)
    return text.upper() if kind == "case" else _typo(text, rng)


def _typo(text: str, rng: random.Random) -> str:
    """Swap two neighbouring letters inside one word."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if long:
        i = rng.choice(long)
        at = rng.randrange(1, len(words[i]) - 2)
        words[i] = words[i][:at] + words[i][at + 1] + words[i][at] + words[i][at + 2 :]
    return " ".join(words)


def near_copy(text: str, language: Language, rng: random.Random) -> str:
    """A near-duplicate: a repost mark, or another end."""
    forms = {
        "en": ["RT: {}", "{} (2)", "{} thanks!", "{} ..."],
        "zh": ["转：{}", "{}（二）", "{}顶！", "#{}#"],
    }
    return rng.choice(forms[language.code]).format(text.rstrip("。.!"))


# ------------------------------------------------------------------------------------ corpus
def labelled(language: Language, foreign: Language, seed: int) -> list[Document]:
    """All labelled documents of one language, shuffled; copies stay within the split."""
    rng = random.Random(f"{seed} labelled {language.code}")
    composer = Composer(language, foreign, rng)
    documents: list[Document] = []
    for split, count in DOCUMENTS.items():
        copies = round(count * NEAR_DUPLICATES), round(count * EXACT_DUPLICATES)
        group: list[Document] = []
        for i in range(count - sum(copies)):
            document = composer.document(language.topics[i % len(language.topics)], split)
            if rng.random() < NOISE:
                document = replace(document, text=add_noise(document.text, language, rng))
            if split == "train" and rng.random() < WRONG_LABEL:
                document = replace(document, label=rng.choice(language.topics))
            group.append(document)
        near = [replace(d, text=near_copy(d.text, language, rng)) for d in rng.sample(group, copies[0])]
        documents += group + near + rng.sample(group, copies[1])
    rng.shuffle(documents)
    return documents


def unlabelled(language: Language, foreign: Language, seed: int) -> list[Document]:
    """Paragraphs of one language until there are enough bytes."""
    rng = random.Random(f"{seed} unlabelled {language.code}")
    composer = Composer(language, foreign, rng)
    documents: list[Document] = []
    size = 0
    while size < UNLABELLED_BYTES:
        document = composer.paragraph()
        if rng.random() < NOISE:
            document = replace(document, text=add_noise(document.text, language, rng))
        copies = 2 if rng.random() < EXACT_DUPLICATES else 1
        documents += [document] * copies
        size += copies * (len(document.text.encode()) + 1)
    return documents


def broken(rng: random.Random, lines: list[bytes], records: Sequence[bytes]) -> bytes:
    """The file with broken records at random places (never the first line, which may be a header)."""
    for record in records:
        lines.insert(rng.randrange(1, len(lines)), record)
    return b"\n".join(lines) + b"\n"


def write(out: Path, seed: int) -> dict[str, int]:
    """Write the four files; gives the number of records of each, broken ones included."""
    out.mkdir(parents=True, exist_ok=True)
    en, zh = (load_language(code, seed) for code in LANGUAGES)
    rng = random.Random(f"{seed} broken")
    long = b"the same again and " * 52_700  # over the limit of 1,000,000 bytes a document
    counts = {}

    def save(name: str, lines: list[bytes], records: Sequence[bytes]) -> None:
        counts[name] = len(lines) + len(records)
        (out / name).write_bytes(broken(rng, lines, records))

    rows = [_row(d) for d in labelled(en, zh, seed)]
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    bad = [
        lines[1][: len(lines[1]) // 2],
        lines[2][:-1],
        b'{"text": "no label", "split": ',
        b"not JSON at all",
    ]
    save("labelled_en.jsonl", lines, [*bad, b'{"text": "undecodable \xff\xfe", "label": "food"}'])

    rows = [_row(d) for d in labelled(zh, en, seed)]
    short = ["这一行只有一列".encode(), "少了两列,food,train".encode()]
    save("labelled_zh.csv", _csv(rows), [*short, b"\xc4\xe3\xba\xc3\xff,food,train,zh,none"])
    counts["labelled_zh.csv"] -= 1  # the header

    save(
        "unlabelled_en.txt",
        [d.text.strip().encode() for d in unlabelled(en, zh, seed)],
        [long, b"caf\xe9 \xff"],
    )
    save("unlabelled_zh.txt", [d.text.strip().encode() for d in unlabelled(zh, en, seed)], [b"\xff\xfe\xff"])
    return counts


def _row(document: Document) -> dict[str, str]:
    names = ("text", "label", "split", "lang")
    return {name: getattr(document, name) for name in names} | {"seeds": " ".join(document.seeds)}


def _csv(rows: list[dict[str, str]]) -> list[bytes]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode().splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "data", help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    arguments = parser.parse_args()
    for name, count in write(arguments.out, arguments.seed).items():
        print(f"{name}: {count:,} records, {(arguments.out / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
