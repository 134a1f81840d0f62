"""A made-up bilingual run and comparison with everything a page can show."""

import numpy as np
import pytest

from ftcore.evaluation.comparison import compare_predictions
from ftcore.evaluation.metrics import confident_errors, evaluate_classification
from ftcore.report.compare_page import ComparePage, FlipExample, ModelEntry
from ftcore.report.run_page import RunPage

LABELS = ["体育", "财经", "科技", "健康", "教育", "旅游", "娱乐", "美食", "汽车", "房产"]
TEXTS = {
    "zh": [
        "昨晚的决赛踢满了一百二十分钟，最后靠点球才分出胜负，球迷在雨里唱到散场。",
        "央行宣布下调存款准备金率零点五个百分点，市场普遍认为这会缓解中小企业的融资压力。",
        "这款国产芯片的功耗只有上一代的三分之二，但散热设计仍然让评测机构皱眉。",
        "医生提醒，换季时血压波动大，老人晨练不宜太早，饭后半小时再出门比较合适。",
        "新教材把统计放到了初一，老师们说，孩子先学会看图，再学公式，反而不那么怕了。",
    ],
    "en": [
        "The museum opens at nine, and by half past the queue already bends around the old harbour wall.",
        "Shares fell for a third day after the company said that battery orders would slip into next year.",
        "Let the dough rest overnight; the crust will be thinner and the kitchen quieter in the morning.",
        "Her second album was recorded in eleven days, and you can hear the room in every song.",
    ],
    "mixed": [
        "周末试了一下 Copilot 写 Python，补全很快，但是 unit test 还是得自己写。",
        "这家 brunch 的 eggs benedict 不错，就是等位要一个小时，适合 weekend 早起的人。",
    ],
}


def sample_report(
    seed: int = 3, documents: int = 2400, skill: float = 3.0, unseen: bool = True, noise: int = 0
):
    rng = np.random.default_rng(seed)
    truth = rng.choice(
        len(LABELS), documents, p=np.linspace(2, 1, len(LABELS)) / np.linspace(2, 1, len(LABELS)).sum()
    )
    logits = rng.normal(size=(documents, len(LABELS))) * 1.25
    logits[:, [6, 7]] += 0.4 * logits[:, [7, 6]]
    logits[np.arange(documents), truth] += skill
    logits += 0.5 * np.random.default_rng(noise).normal(size=logits.shape)
    probabilities = np.exp(logits * 1.4)
    probabilities = (probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)
    languages = rng.choice(["zh", "en", "mixed"], documents, p=[0.5, 0.4, 0.1]).tolist()
    gold = [[LABELS[column]] for column in truth]
    if unseen:
        for row in range(0, 36, 4):
            gold[row] = ["天文"]
    counts = {label: 2000 - 100 * column for column, label in enumerate(LABELS)}
    report = evaluate_classification(gold, probabilities, LABELS, languages, train_counts=counts)
    return report, gold, probabilities, languages


def build_page() -> RunPage:
    report, gold, probabilities, languages = sample_report()
    errors = []
    for row in confident_errors(gold, probabilities, LABELS, languages, 40):
        texts = TEXTS[languages[row]]
        best = int(probabilities[row].argmax())
        errors.append(
            {
                "text": texts[row % len(texts)],
                "gold": gold[row],
                "predicted": LABELS[best],
                "probability": float(probabilities[row, best]),
                "language": languages[row],
                "source": f"sample:topics/{languages[row]}.jsonl:{row + 1}",
            }
        )
    steps = np.arange(0, 200_000, 900)
    rng = np.random.default_rng(0)
    loss = 2.4 * np.exp(-steps / 60_000) + 1.1 + rng.normal(size=len(steps)) * 0.03
    near = {
        "足球": ["篮球", "球队", "决赛", "联赛", "点球"],
        "银行": ["央行", "贷款", "利率", "存款", "融资"],
        "python": ["java", "编程", "code", "javascript", "ruby"],
        "travel": ["trip", "flight", "hotel", "旅行", "journey"],
    }
    return RunPage(
        name="quickstart-2026-03-14",
        ids={
            "MLflow run": "8f2c41d09b7e4a6c",
            "Prefect run": "amber-heron",
            "finished": "2026-03-14 09:26",
            "device": "cpu",
        },
        links={
            "MLflow": "http://127.0.0.1:5000/#/experiments/1/runs/8f2c",
            "Prefect": "http://127.0.0.1:4200/",
            "model": "models:/ftcore/7",
        },
        warnings=["English test split has fewer than 1,000 documents: its scores move by about ±2 points."],
        stages=[
            {
                "stage": "ingest",
                "state": "reused",
                "reason": "inputs, options and code unchanged",
                "seconds": 0.4,
            },
            {
                "stage": "prepare",
                "state": "reused",
                "reason": "inputs, options and code unchanged",
                "seconds": 1.2,
            },
            {
                "stage": "dictionary",
                "state": "reused",
                "reason": "inputs, options and code unchanged",
                "seconds": 0.3,
            },
            {"stage": "pretrain", "state": "recomputed", "reason": "pretrain.dim: 50 → 100", "seconds": 48.7},
            {"stage": "finetune", "state": "recomputed", "reason": "input pretrain changed", "seconds": 12.9},
            {"stage": "evaluate", "state": "recomputed", "reason": "input finetune changed", "seconds": 3.1},
        ],
        counts={
            "read": {"": 24_830},
            "rejected": {"undecodable": 61, "broken_json": 12, "too_long": 3},
            "filtered": {"too_short": 1204, "no_letters": 86, "wrong_language": 311},
            "duplicates": {"exact": 902},
        },
        tokens={"stopwords": 318_442, "punctuation": 190_118, "urls": 1203, "full_width": 8817},
        documents={
            "train": {"zh": 8021, "en": 6480, "mixed": 1611},
            "valid": {"zh": 884, "en": 731, "mixed": 170},
            "test": {"zh": 1198, "en": 960, "mixed": 242},
            "unlabelled": {"zh": 1020, "en": 934},
        },
        metrics=report.metrics,
        majority_label="体育",
        per_language=report.tables["per_language"],
        per_label=report.tables["per_label"],
        confusion=report.tables["confusion"],
        calibration=report.tables["calibration"],
        unseen_labels=report.tables["unseen_labels"],
        curves={
            "pretrain/loss": list(zip(steps, loss, strict=True)),
            "pretrain/lr": [(s, 0.05 * (1 - s / 200_000)) for s in steps],
            "pretrain/words_per_second": [(s, 210_000 + 9000 * np.sin(s / 9000)) for s in steps],
            "finetune/loss": [(s, 2.2 / (1 + s / 4000) + 0.15) for s in range(0, 60_000, 500)],
            "finetune/valid_accuracy": [(e, v) for e, v in enumerate([0.61, 0.74, 0.79, 0.812, 0.818], 1)],
            "finetune/valid_loss": [(e, v) for e, v in enumerate([1.3, 0.9, 0.72, 0.66, 0.65], 1)],
        },
        errors=errors,
        neighbours=[
            {"query": query, "rank": rank, "neighbor": word, "similarity": 0.82 - 0.05 * rank}
            for query, found in near.items()
            for rank, word in enumerate(found, 1)
        ]
        + [{"query": "量子纠缠", "rank": 0, "neighbor": "", "similarity": float("nan")}],
        vectors=[
            {"test": "word similarity", "file": "wordsim-297.txt", "score": 0.512, "used": 261, "total": 297},
            {"test": "analogies", "file": "semantic.txt", "score": 0.214, "used": 3120, "total": 7636},
        ],
        configuration="name: quickstart\nseed: 0\ningest:\n  sources:\n  - path: sample/*.jsonl\n    label: topic\npretrain:\n  dim: 100\n  epochs: 5\n# 注释：结巴分词\n",
    )


def build_comparison(skills=(2.8, 3.1), samples: int = 300) -> ComparePage:
    names = [f"ftcore v{7 + number}" for number in range(len(skills))]
    reports, answers = {}, {}
    for number, (name, skill) in enumerate(zip(names, skills, strict=True)):
        report, gold, probabilities, languages = sample_report(skill=skill, unseen=False, noise=number)
        reports[name] = report
        answers[name] = [LABELS[column] for column in probabilities.argmax(1)]
    found = compare_predictions(gold, answers, languages, samples=samples)
    flips = [
        FlipExample(
            flip.model,
            flip.change,
            TEXTS[languages[flip.document]][flip.document % len(TEXTS[languages[flip.document]])],
            gold[flip.document],
            answers[names[0]][flip.document],
            answers[flip.model][flip.document],
            languages[flip.document],
            f"sample:topics/{languages[flip.document]}.jsonl:{flip.document + 1}",
        )
        for flip in found.flips[:24] + found.flips[-24:]
    ]
    counts = {
        name: {
            change: sum(f.model == name and f.change == change for f in found.flips)
            for change in ("fixed", "broken")
        }
        for name in names[1:]
    }
    return ComparePage(
        title=" · ".join(names),
        models=[
            ModelEntry(
                name,
                reports[name].metrics,
                48_100_000 * (1 - 0.1 * number),
                21_400 * (1 + 0.2 * number),
                {"version": str(7 + number), "run": f"8f2c41d{number}"},
                "champion, trained 2026-03-02" if not number else "only the fine-tuning ran again",
            )
            for number, name in enumerate(names)
        ],
        differences=found.rows,
        flips=flips,
        flip_counts=counts,
        tests=found.tests,
        test_set="sample/test.parquet",
        test_digest="b7d1f0c24e9a4c55",
        documents={code: languages.count(code) for code in ("zh", "en", "mixed")},
        ids={"compared": "2026-03-15 02:11"},
    )


@pytest.fixture
def page() -> RunPage:
    return build_page()


@pytest.fixture(scope="session")
def comparison() -> ComparePage:
    return build_comparison()


@pytest.fixture(scope="session")
def three_models() -> ComparePage:
    return build_comparison((2.8, 2.2, 2.82))
