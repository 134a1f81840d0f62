"""The report of one pipeline run: one HTML file that opens anywhere, without network.

Example:
    >>> html = render_run(RunPage(name="quickstart", metrics={"macro_f1": 0.91, "majority_macro_f1": 0.03}))
    >>> "0.910" in html
    True
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftcore.report.explanation_page import shades
from ftcore.report.pages import (
    count,
    in_language_order,
    is_number,
    language_name,
    records,
    render,
    score,
    surest_first,
    words,
)
from ftcore.trust.explanation import Mark

HEAT_LABELS = 30
CONFUSIONS = 12
SHOWN_ERRORS = 12  # the others are folded
SPLITS = ("train", "valid", "test", "unlabelled")
HEADLINE = (("macro_f1", "Macro-F1"), ("accuracy", "Accuracy"))
SEVERAL = (("threshold_micro_f1", "Micro-F1 of all labels"), ("subset_accuracy", "Subset accuracy"))
TILES = (*HEADLINE, *SEVERAL, ("weighted_f1", "Weighted F1"), ("ece", "Calibration error"))
LANGUAGE_SCORES = (*HEADLINE, ("ece", "Calibration error"))
SECTIONS = {
    "scores": "Scores", "data": "Data", "training": "Training", "trials": "What was tried", "labels": "Labels",
    "confusion": "Confusions", "calibration": "Calibration", "coverage": "Coverage", "noise": "Noise", "errors": "Errors",
    "words": "Word vectors", "stages": "Stages",
    "configuration": "Configuration",
}  # fmt: skip

NOISE = {
    "none": "as they are", "characters": "as people mistype", "swap": "letters swapped", "drop": "letters left out",
    "double": "letters doubled", "key": "the key beside", "sound": "characters that sound alike",
    "look": "characters that look alike", "case": "case", "width": "full-width forms", "words": "words left out",
}  # fmt: skip


@dataclass
class RunPage:
    """What the page shows; whatever is left empty leaves its section out.

    Tables are DataFrames or sequences of mappings with the named columns (more are ignored).
    """

    name: str
    ids: Mapping[str, str] = field(
        default_factory=dict
    )  # {"MLflow run": "…", "finished": "…", "device": "…"}
    links: Mapping[str, str] = field(default_factory=dict)  # name -> URL; what is no URL is shown as text
    warnings: Sequence[str] = ()
    stages: Any = ()  # stage, state (reused | recomputed | failed), reason, seconds
    # documents that left, {step: {reason: n}} in the order of the steps; "read" and "kept", when there,
    # are totals ({"read": {"": 1200}}) and else follow from the splits
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)  # what the tokenizer's steps removed or changed
    documents: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # {split: {language: n}}
    metrics: Mapping[str, float] = field(default_factory=dict)  # ClassificationReport.metrics
    majority_label: str = ""
    per_language: Any = ()  # ClassificationReport.tables, as are the next four
    per_label: Any = ()
    confusion: Any = ()
    calibration: Any = ()
    unseen_labels: Any = ()
    coverage: Any = ()  # coverage, accuracy, least: of the surest answers
    robustness: Any = ()  # kind, share, changed, accuracy, lost (trust.robustness)
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)  # "stage/name": points
    trials: Any = ()  # of a search: number, head, word_ngrams, minn, maxn, epoch, lr, outcome, score, best, seconds
    errors: Any = ()  # text, gold (label or labels), predicted, probability, language, source, marks (JSON: why)
    neighbours: Any = ()  # query, rank, neighbor, similarity (similarity.neighbors)
    vectors: Any = ()  # test, file, score, used, total, known, words: word similarity and analogies
    configuration: str = ""  # YAML


def render_run(page: RunPage) -> str:
    """The page as HTML text, to be written as UTF-8."""
    stages = records(page.stages)
    total = sum(row["seconds"] for row in stages if is_number(row.get("seconds")))
    for row in stages:
        row.setdefault("reason", "")
        row["share"] = row["seconds"] / total if total and is_number(row.get("seconds")) else 0
    reused = sum(row["state"] == "reused" for row in stages)
    labels = sorted(records(page.per_label), key=lambda row: (row["f1"], -row["support"], str(row["label"])))
    heat, left_out = _heat(records(page.confusion), [str(row["label"]) for row in records(page.per_label)])
    confusions = _confusions(records(page.confusion))
    values = {
        "page": page,
        "headline": _headline(page),
        "tiles": _tiles(page.metrics),
        "languages": _languages(records(page.per_language)),
        "metrics": _all_metrics(page.metrics),
        "funnel": _funnel(page.counts, page.documents),
        "splits": _splits(page.documents),
        "split_languages": [(code, language_name(code)) for code in _languages_of(page.documents)],
        "removed": [(name, n) for name, n in page.tokens.items() if n],
        "curves": _curves(page.curves),
        "trials": records(page.trials),
        "labels": [row for row in labels if row["support"] or row["predicted"]],
        "unseen": records(page.unseen_labels),
        "heat": heat,
        "heat_note": _heat_note(left_out),
        "confusions": confusions,
        "confusions_most": max((row["share"] for row in confusions), default=1),
        "calibration": records(page.calibration),
        "coverage": records(page.coverage),
        "curve": [(row["coverage"], row["accuracy"]) for row in records(page.coverage)],
        "noise": _noise(records(page.robustness)),
        "errors": _errors(records(page.errors)),
        "shown_errors": SHOWN_ERRORS,
        "neighbours": _neighbours(records(page.neighbours)),
        "vectors": [{"known": None, "words": None} | row for row in records(page.vectors)],
        "stages": stages,
        "stage_note": f"{reused} of {len(stages)} reused; what changed is said where a stage ran again.",
    }
    shown = {
        "scores": values["tiles"], "data": values["funnel"] or values["splits"], "training": values["curves"],
        "trials": values["trials"],
        "labels": values["labels"], "confusion": heat, "calibration": values["calibration"],
        "coverage": len(records(page.coverage)) > 1,
        "noise": values["noise"], "errors": values["errors"], "words": values["neighbours"] or values["vectors"], "stages": stages,
        "configuration": page.configuration,
    }  # fmt: skip
    sections = [(name, title) for name, title in SECTIONS.items() if shown[name]]
    return render("run_page.html", sections=sections, **values)


def _errors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Raw texts by default; a document whose file has gone is marked as tokens."""
    full = [
        {"language": "", "source": "", "probability": None, "raw": True} | row | {"marks": _shades(row)}
        for row in rows
    ]
    return surest_first(full, lambda row: row["probability"], SHOWN_ERRORS)


def _noise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table of noise with the kinds in words."""
    return [row | {"kind": NOISE.get(str(row["kind"]), str(row["kind"]))} for row in rows]


def _shades(row: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """The stretches of an error's text, coloured by what they add to the answer; none where that is not known."""
    return shades([Mark(text, value) for text, value in json.loads(row.get("marks") or "[]")])


def _headline(page: RunPage) -> str:
    metrics = page.metrics
    if not is_number(metrics.get("macro_f1")):
        return "This run has no scores on a test set."
    text = f"Macro-F1 {score(metrics['macro_f1'])}"
    if is_number(metrics.get("accuracy")):
        text += f" and accuracy {score(metrics['accuracy'])}"
    if is_number(metrics.get("documents")):
        text += f" on {count(metrics['documents'])} test documents"
    base = metrics.get("majority_macro_f1")
    if is_number(base):
        whose = f"always answering “{page.majority_label}”" if page.majority_label else "the majority class"
        text += f"; {whose} gives {score(base)}"
        if is_number(metrics.get("majority_accuracy")):
            text += f" and {score(metrics['majority_accuracy'])}"
    linear = metrics.get("linear_macro_f1")
    if is_number(linear):
        text += f"; a linear TF-IDF model gives {score(linear)} and {score(metrics['linear_accuracy'])}"
    return text + "."


def _tiles(metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    tiles = []
    for name, title in TILES:
        if not is_number(metrics.get(name)):
            continue
        majority = metrics.get(f"majority_{name}")
        base = majority if is_number(majority) and name != "ece" else None
        linear = metrics.get(f"linear_{name}")
        bases = [("linear TF-IDF", linear), ("majority class", base)]
        under = ", ".join(f"{title} {score(value)}" for title, value in bases if is_number(value))
        if name == "ece":
            under = "mean gap between confidence and accuracy; 0 is perfect"
        tiles.append(
            {"name": title, "value": metrics[name], "baseline": base, "under": under, "bar": name != "ece"}
        )
    return tiles


def _languages(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_code = {str(row["language"]): row for row in rows}
    cards = []
    for code in in_language_order(by_code):
        row = by_code[code]
        scores = []
        for name, title in LANGUAGE_SCORES:
            if is_number(row.get(name)):
                base = row.get(f"majority_{name}")
                scores.append((title, row[name], base if is_number(base) else None))
        cards.append(
            {"code": code, "name": language_name(code), "documents": row["documents"], "scores": scores}
        )
    return cards


def _all_metrics(metrics: Mapping[str, float]) -> list[tuple[str, float, float | None, float | None]]:
    """(name, the model's, the linear baseline's, the majority class's) of each score."""

    def of(baseline: str, name: str) -> float | None:
        folder, slash, last = name.rpartition("/")
        return metrics.get(f"{folder}{slash}{baseline}_{last}")

    names = [n for n in metrics if not n.rpartition("/")[2].startswith(("majority_", "linear_"))]
    return [(name, metrics[name], of("linear", name), of("majority", name)) for name in names]


def _funnel(
    counts: Mapping[str, Mapping[str, int]], documents: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    dropped = {step: reasons for step, reasons in counts.items() if step not in ("read", "kept")}
    kept = sum(counts["kept"].values()) if "kept" in counts else sum(map(_total, documents.values()))
    if not kept and not dropped:
        return []
    lost = {step: sum(reasons.values()) for step, reasons in dropped.items()}
    read = sum(counts["read"].values()) if "read" in counts else kept + sum(lost.values())
    scale = 100 / max(read, 1)
    rows = [{"name": "Read", "documents": read, "dropped": False, "left": 0, "width": 100, "reasons": []}]
    left = read
    for step, reasons in dropped.items():
        left -= lost[step]
        why = sorted(
            ((reason, n) for reason, n in reasons.items() if reason and n), key=lambda pair: -pair[1]
        )
        rows.append(
            {
                "name": words(step).capitalize(),
                "documents": lost[step],
                "dropped": True,
                "left": min(max(left, 0) * scale, 99.8),  # the thinnest bar stays inside
                "width": lost[step] * scale,
                "reasons": why,
            }
        )
    rows.append(
        {"name": "Kept", "documents": kept, "dropped": False, "left": 0, "width": kept * scale, "reasons": []}
    )
    return rows


def _total(languages: Mapping[str, int]) -> int:
    return sum(languages.values())


def _languages_of(documents: Mapping[str, Mapping[str, int]]) -> list[str]:
    return in_language_order({code for languages in documents.values() for code in languages})


def _splits(documents: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    codes = _languages_of(documents)
    largest = max(map(_total, documents.values()), default=0) or 1
    order = [split for split in SPLITS if split in documents] + [s for s in documents if s not in SPLITS]
    return [
        {
            "split": split,
            "counts": [documents[split].get(code, 0) for code in codes],
            "stack": [(code, documents[split][code]) for code in codes if documents[split].get(code)],
            "total": _total(documents[split]),
            "width": 100 * _total(documents[split]) / largest,
        }
        for split in order
    ]


def _curves(
    curves: Mapping[str, Sequence[tuple[float, float]]],
) -> list[tuple[str, list[tuple[str, Sequence[tuple[float, float]]]]]]:
    """[(stage, [(name, points)])]: the part of a name before its first slash is the stage."""
    stages: dict[str, list[tuple[str, Sequence[tuple[float, float]]]]] = {}
    for name, points in curves.items():
        points = [(x, y) for x, y in points if is_number(x) and is_number(y)]
        if points:
            stage, slash, rest = name.partition("/")
            stages.setdefault(stage if slash else "", []).append((rest if slash else name, points))
    return list(stages.items())


def _heat(confusion: list[dict[str, Any]], labels: list[str]) -> tuple[list[dict[str, Any]], int]:
    """Rows of cells for the labels, or for the most confused `HEAT_LABELS` of them; how many are left out."""
    cells = {(str(row["gold"]), str(row["predicted"])): int(row["documents"]) for row in confusion}
    if not cells:
        return [], 0
    present = {label for cell in cells for label in cell}
    labels = [label for label in labels if label in present] + sorted(present - set(labels))
    left_out = max(len(labels) - HEAT_LABELS, 0)
    if left_out:
        wrong = dict.fromkeys(labels, 0)
        for (gold, predicted), n in cells.items():
            if gold != predicted:
                wrong[gold] += n
                wrong[predicted] += n
        kept = set(sorted(labels, key=lambda label: -wrong[label])[:HEAT_LABELS])
        labels = [label for label in labels if label in kept]
    sums: dict[str, int] = {}
    for (gold, _), n in cells.items():
        sums[gold] = sums.get(gold, 0) + n
    rows = []
    for gold in labels:
        row = []
        for predicted in labels:
            n = cells.get((gold, predicted), 0)
            share = n / sums[gold] if n else 0.0
            # errors are a few percent: their colour rises four times as fast, or they would all be white
            strength = 0.08 + 0.84 * share if gold == predicted else min(0.92, 0.1 + 3.3 * share)
            row.append(
                {
                    "predicted": predicted,
                    "documents": n,
                    "share": share,
                    "right": gold == predicted,
                    "strength": strength,
                }
            )
        rows.append({"label": gold, "cells": row})
    return rows, left_out


def _heat_note(left_out: int) -> str:
    note = "Rows are gold labels, columns the model's answers; blue is right, orange is wrong, darker is a larger share of the row."
    return note + (
        f" The {HEAT_LABELS} most confused labels; {left_out} more are not drawn." if left_out else ""
    )


def _confusions(confusion: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sums: dict[str, int] = {}
    for row in confusion:
        sums[row["gold"]] = sums.get(row["gold"], 0) + row["documents"]
    wrong = [
        row | {"share": row["documents"] / sums[row["gold"]]}
        for row in confusion
        if row["gold"] != row["predicted"]
    ]
    return sorted(wrong, key=lambda row: (-row["documents"], str(row["gold"]), str(row["predicted"])))[
        :CONFUSIONS
    ]


def _neighbours(rows: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    queries: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        near = queries.setdefault(str(row["query"]), [])
        if row["neighbor"]:
            near.append(row)
    return list(queries.items())
