"""examples/quality_filter.yaml, executed on a small corpus written here, at the places that it names."""

import csv
import random
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

from ftcore.cli import main
from ftcore.shards.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
ZH = [
    "委员会",
    "城市",
    "历史",
    "学校",
    "河流",
    "博物馆",
    "铁路",
    "作家",
    "植物",
    "法律",
    "建筑",
    "音乐",
    "科学",
    "村庄",
    "战争",
    "语言",
]
EN = [
    "committee",
    "city",
    "history",
    "school",
    "river",
    "museum",
    "railway",
    "writer",
    "plant",
    "law",
    "building",
    "music",
    "science",
    "village",
    "war",
    "language",
]


def prose(rng: random.Random, zh: bool) -> str:
    """An article: sentences of some length, in paragraphs."""
    if zh:
        made = [
            f"{rng.choice(ZH)}的{rng.choice(ZH)}在{rng.randrange(1100, 2000)}年建立，后来成为{rng.choice(ZH)}和{rng.choice(ZH)}的中心。"
            f"人们对{rng.choice(ZH)}有不同的看法，也在{rng.choice(ZH)}里找到了新的{rng.choice(ZH)}。"
            for _ in range(3)
        ]
    else:
        made = [
            f"The {rng.choice(EN)} of the {rng.choice(EN)} was founded in {rng.randrange(1100, 2000)} and became a centre of "
            f"{rng.choice(EN)} and {rng.choice(EN)}. It has been part of the {rng.choice(EN)} that people know with {rng.choice(EN)}."
            for _ in range(3)
        ]
    return "\n\n".join(made)


def junk(rng: random.Random, zh: bool) -> str:
    """What sells: short, loud."""
    words = (
        ["点击", "购买", "便宜", "中奖", "好评", "快递", "客服"]
        if zh
        else ["click", "buy", "cheap", "win", "free", "deal", "shop"]
    )
    return ("" if zh else " ").join(rng.choices(words, k=40)) + ("，的是在。" if zh else " the and of to.")


def written(folder: Path) -> None:
    rng = random.Random(4)
    for name, zh in (("zhwiki", True), ("enwiki", False)):
        docs = (
            [prose(rng, zh) for _ in range(120)]
            + [junk(rng, zh) for _ in range(30)]
            + ["短。" if zh else "Short."]
        )
        rng.shuffle(docs)
        text = "".join(
            f'<doc id="{n}" url="u" title="t">\n{doc}\n\n</doc>\n' for n, doc in enumerate([*docs, docs[0]])
        )
        (folder / name).mkdir()
        (folder / name / f"{name}_AA.txt.zst").write_bytes(zstandard.compress(text.encode()))
    for name in ("thucnews_titles", "chn_sentiment", "ag_news", "sst2"):
        (folder / name).mkdir()
    (folder / "thucnews_titles/train_part.txt").write_text(
        "".join(f"{junk(rng, True)}\t3\n" for _ in range(60)), encoding="utf-8"
    )
    tables = {
        "chn_sentiment/online_shopping_10_cats.csv": [
            ["label", "review"],
            *([1, junk(rng, True)] for _ in range(60)),
        ],
        "ag_news/test.csv": [[3, junk(rng, False), junk(rng, False)] for _ in range(60)],
    }
    for name, rows in tables.items():
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    lines = ["label\tsentence", *(f"1\t{junk(rng, False)}" for _ in range(60))]
    (folder / "sst2/train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_recipe_end_to_end(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    written(tmp_path / "data")
    command = [
        "prepare",
        "--config",
        str(ROOT / "examples/quality_filter.yaml"),
        f"data={tmp_path / 'data'}",
        "workers=1",
    ]
    preset = "filters.max_common_ngrams=[1, 1, 1]"  # so little text repeats itself
    assert main([*command, preset, "--dry-run", "--html", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "AUC" in page and "min_characters" in page and not (tmp_path / "shards").exists()
    out = tmp_path / "shards"
    assert main([*command, preset, "filters.max_repeated_ngrams=[1, 1, 1, 1, 1, 1]", "--out", str(out)]) == 0
    manifest = load_manifest(out)
    assert manifest.quality is not None and set(manifest.quality.thresholds) == {"zh", "en"}
    assert manifest.counts["filters"]["too few characters"] == 2 and manifest.duplicates == 2
    assert {*manifest.counts["quality"]} == {"low score (zh)", "low score (en)"}
    left = pq.read_table(out / manifest.shards[0].file).to_pylist()
    assert len(left) == manifest.rows and all(
        row["quality"] >= manifest.quality.thresholds[row["language"]] for row in left
    )
    loud = [row for row in left if "点击" in row["tokens"] or "click" in row["tokens"].split()]
    assert len(loud) < 35, "of the 30 documents that went nearly all were such"
    assert main(["inspect", str(out)]) == 0 and "scores" in capsys.readouterr().out
