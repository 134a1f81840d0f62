import html.parser
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from ftcore.evaluation.comparison import compare_predictions
from ftcore.evaluation.significance import Interval
from ftcore.report import charts, pages
from ftcore.report.compare_page import (
    ComparePage,
    FlipExample,
    ModelEntry,
    compare_table,
    render_comparison,
    verdict,
)
from ftcore.report.run_page import RunPage, render_run

EVIL = "<script>alert('x')</script> & \"quoted\" '"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Checker(html.parser.HTMLParser):
    """Collects tags, ids and addresses; complains about tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.addresses, self.languages = [], set(), [], [], set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            assert not name.startswith("on"), f"{tag} {name}"
            if name == "id":
                self.ids.append(value)
            elif name == "lang":
                self.languages.add(value)
            elif name in ("href", "src"):
                self.addresses.append((tag, value))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


def check(text):
    parser = Checker()
    parser.feed(text)
    parser.close()
    assert not parser.open, parser.open
    assert len(parser.ids) == len(set(parser.ids))
    assert not parser.tags & {"script", "img", "link", "iframe"}
    assert all(tag == "a" for tag, _ in parser.addresses), "something would be fetched"
    anchors = {value[1:] for _, value in parser.addresses if value.startswith("#")}
    assert anchors <= set(parser.ids)
    assert not re.search(r"url\(|@import|@font-face", text)
    return parser


def test_run_page_is_complete_and_self_contained(page):
    text = render_run(page)
    parser = check(text)
    assert {"scores", "data", "training", "labels", "confusion", "calibration", "errors"} <= set(parser.ids)
    assert {"words", "stages", "configuration"} <= set(parser.ids)
    assert {"zh-Hans", "en"} <= parser.languages
    assert "prefers-color-scheme: dark" in text and "Noto Sans CJK SC" in text
    for expected in (
        f"Macro-F1 {page.metrics['macro_f1']:.3f} and accuracy {page.metrics['accuracy']:.3f} on 2,400",
        "体育",
        "too short 1,204",
        "pretrain.dim: 50 → 100",
        "天文",
        "注释：结巴分词",
        "24,830",
    ):
        assert expected in text, expected
    assert '<p lang="zh-Hans">昨晚的决赛' in text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S).lower().replace("finance", "")
    assert render_run(page) == text


def test_run_page_with_nothing_to_show():
    parser = check(render_run(RunPage("空")))
    assert parser.ids == []


def test_a_run_shows_what_noise_costs():
    rows = [
        {"kind": "none", "share": 0.0, "changed": 0.0, "accuracy": 0.9, "lost": 0.0},
        {"kind": "sound", "share": 0.1, "changed": 0.8, "accuracy": 0.75, "lost": 0.15},
    ]
    text = render_run(RunPage("x", robustness=rows))
    assert check(text).ids == ["noise"] and "characters that sound alike" in text
    assert "0.750" in text and "0.150" in text and "80" in text


def test_user_text_is_escaped_everywhere(page):
    bad = RunPage(
        name=EVIL,
        ids={EVIL: EVIL},
        links={EVIL: "javascript:alert(1)", "data": "data:text/html,x", "ok": 'http://x/"><script>'},
        warnings=[EVIL],
        stages=[{"stage": EVIL, "state": EVIL, "reason": EVIL, "seconds": None}],
        counts={"read": {EVIL: 9}, EVIL: {EVIL: 3}},
        tokens={EVIL: 3},
        documents={EVIL: {EVIL: 6}},
        metrics=dict(page.metrics) | {EVIL: 1.0},
        majority_label=EVIL,
        per_language=[{"language": EVIL, "documents": 3, "accuracy": 0.5}],
        per_label=[{"label": EVIL, "precision": 1, "recall": 1, "f1": 1, "support": 1, "predicted": 1}],
        confusion=[{"gold": EVIL, "predicted": "b", "documents": 2, "share": 1.0}],
        calibration=page.calibration,
        unseen_labels=[{"label": EVIL, "documents": 2, "most_predicted": EVIL}],
        curves={f"{EVIL}/{EVIL}": [(0, 1.0), (1, float("nan")), (2, 3.0)]},
        errors=[
            {"text": EVIL + "\ud800\0", "gold": [EVIL], "predicted": EVIL, "language": EVIL, "source": EVIL}
        ],
        neighbours=[{"query": EVIL, "rank": 1, "neighbor": EVIL, "similarity": 0.5}],
        vectors=[{"test": EVIL, "file": EVIL, "score": None, "used": 1, "total": 2}],
        configuration=EVIL + "</pre>",
    )
    text = render_run(bad)
    text.encode("utf-8")
    parser = check(text)
    assert "alert('x')" not in text and "&lt;script&gt;" in text
    assert not [value for _, value in parser.addresses if value.startswith(("javascript", "data"))]


def test_funnel_adds_up(page):
    text = render_run(page)
    read, lost = 24_830, 76 + 1601 + 902
    assert read - lost == sum(sum(split.values()) for split in page.documents.values())
    assert "−1,601" in text and "22,251" in text
    implied = render_run(RunPage("x", counts={"filtered": {"too_short": 5}}, documents={"train": {"zh": 10}}))
    assert re.search(r"Read</span>.*?<span class=\"n\">15</span>", implied, re.S)


def test_long_label_lists_are_cut(page):
    labels = [f"label {number:03d}" for number in range(70)]
    rows = [
        {"label": x, "precision": 1, "recall": 1, "f1": 0.5, "support": 9, "predicted": 9} for x in labels
    ]
    cells = [
        {"gold": x, "predicted": labels[0], "documents": n + 1, "share": 1} for n, x in enumerate(labels)
    ]
    text = render_run(RunPage("x", per_label=rows, confusion=cells))
    check(text)
    assert "30 more labels" in text and "40 more are not drawn" in text
    heat = text.split('<table class="heat dense">')[1].split("</table>")[0]
    assert heat.count("<tr>") == 31


def test_comparison_page(comparison):
    text = render_comparison(comparison)
    parser = check(text)
    assert {"models", "overall", "labels", "flips"} == set(parser.ids)
    for expected in (
        "b7d1f0c24e9a4c55",
        "significantly better",
        "43.3 MB",
        "× 1.20",
        "Right → wrong",
        "房产",
    ):
        assert expected in text, expected


def test_comparison_of_three(three_models):
    text = render_comparison(three_models)
    check(text)
    assert "ftcore v8 is significantly worse than ftcore v7" in text
    assert verdict(three_models, "ftcore v8")[0] == "bad"
    overruled = replace(three_models, verdicts={"ftcore v8": "Refused: <worse>."})
    assert "Refused: &lt;worse&gt;." in render_comparison(overruled)


def test_comparison_escapes_and_needs_two_models():
    entry = ModelEntry(EVIL, {"macro_f1": 0.5}, None, None, {EVIL: EVIL}, EVIL)
    text = render_comparison(ComparePage(EVIL, [entry, replace(entry, name="b")], test_set=EVIL))
    check(text)
    assert "was not tested" in text and "alert('x')" not in text
    with pytest.raises(ValueError, match="at least two"):
        render_comparison(ComparePage("x", [entry]))


def test_terminal_table(three_models):
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    renamed = replace(three_models, title="[bold]a[/bold] [x")
    console.print(compare_table(renamed, labels=True))
    text = console.export_text()
    for expected in (
        "macro-F1",
        "zh accuracy",
        "48.1 MB",
        "21,400",
        "房产 F1",
        "significantly worse",
        "[bold]a",
    ):
        assert expected in text, expected


def test_figures_as_text():
    assert [pages.signed(x) for x in (0.0214, -0.0041, -0.0001, None)] == ["+0.021", "−0.004", "0.000", "–"]
    assert [pages.seconds(x) for x in (0.42, 59.7, 3599.6, 7500)] == [
        "0.4 s",
        "1 min 00 s",
        "1 h 00 min",
        "2 h 05 min",
    ]
    assert [pages.size(x) for x in (12, 48_100_000, 3.2e12)] == ["12 B", "48.1 MB", "3200.0 GB"]
    assert (
        pages.score(float("nan")) == "–" and pages.count(1234.0) == "1,234" and pages.plain(5e-5) == "5e-05"
    )
    assert pages.lang("Straße") == "en" and pages.lang("12", "zh") == "zh-Hans" and pages.lang("한국") == "ko"
    assert pages.chance(0.0004) == "< 0.001"


@pytest.mark.parametrize(
    "link", ["javascript:x", " JavaScript:x", "data:text/html,x", "vbscript:x", "//a\tb"[2:]]
)
def test_links_that_could_run_something_are_no_links(link):
    assert pages.safe_url(link) == ""


def test_curves_keep_their_spikes_and_survive_odd_input():
    points = [(step, 1.0) for step in range(10_000)]
    points[5_003] = (5_003, 99.0)
    thin = charts.thin(points)
    assert len(thin) < 300 and (5_003, 99.0) in thin and thin[-1][0] == 9_999
    assert charts.line_chart([]) == "" and charts.line_chart([(0, float("inf"))]) == ""
    for odd in ([(1, 0.0)], [(1, 5.0), (1, 5.0)], [(0, -3e-9), (1, 2e9)]):
        assert "nan" not in charts.line_chart(odd) and "<svg" in charts.line_chart(odd)


def test_ticks_cover_the_range():
    for low, high in ((0, 1), (-3, 17), (0.001, 0.0013), (1e6, 9e6), (5, 5)):
        ticks = charts.nice_ticks(low, high)
        assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8


def test_a_drawing_in_a_file_is_xml_with_its_own_colours():
    rows = [{"low": 0.5, "high": 1.0, "documents": 3, "confidence": 0.8, "accuracy": 0.7}]
    drawn = ElementTree.fromstring(charts.as_file(charts.reliability_chart(rows)))
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    used = {element.get("class") for element in drawn.iter()} - {None, "tick", "axis"}
    style = next(element.text for element in drawn.iter() if element.tag.endswith("style"))
    assert used and all(f".{name}{{" in style for name in used)


def test_interval_chart_marks_its_side():
    for low, high, kind in ((0.01, 0.02, "better"), (-0.02, -0.01, "worse"), (-0.01, 0.01, "even")):
        assert f"range {kind}" in charts.interval_chart(Interval((low + high) / 2, low, high, 0.1), 0.05)


# ------------------------------------------------------------------------------- what a verdict says
def two_entries(first: dict, other: dict, documents: int = 200, lead: float = 0.3) -> ComparePage:
    """A page of two models; the other is right on `lead` more of the documents."""
    gold = [["a"]] * documents
    right = round(lead * documents)
    answers = {"m/1": ["b"] * documents, "m/2": ["a"] * right + ["b"] * (documents - right)}
    found = compare_predictions(gold, answers, ["en"] * documents, samples=100)
    entries = [ModelEntry("m/1", **first), ModelEntry("m/2", **other)]
    return ComparePage("two", entries, found.rows, tests=found.tests)


def test_labels_that_differ_are_named_before_any_score():
    page = two_entries({"labels": ("a", "b")}, {"labels": ("a", "c")})
    tone, sentence = verdict(page, "m/2")
    assert sentence.startswith("The labels differ: only m/1 knows b; only m/2 knows c; they share 1.")
    assert tone == "good" and sentence.index("labels") < sentence.index("significantly")
    same = verdict(two_entries({"labels": ("a", "b")}, {"labels": ("b", "a")}), "m/2")[1]
    assert "label" not in same


def test_models_without_a_shared_label_get_no_verdict():
    """Ten categories against 0/1: "macro-F1 +.929, significantly better" was the verdict once."""
    page = two_entries({"labels": tuple("0123456789")}, {"labels": ("neg", "pos")}, lead=0.95)
    tone, sentence = verdict(page, "m/2")
    assert tone == "even" and "share no label" in sentence and "better" not in sentence


@pytest.mark.parametrize(("documents", "tone"), [(2, "even"), (29, "even"), (30, "good"), (31, "good")])
def test_a_handful_of_documents_has_no_interval(documents, tone):
    page = two_entries({}, {}, documents, lead=1.0)
    found, sentence = verdict(page, "m/2")
    text, table = render_comparison(page), terminal(page)
    few = tone == "even"
    assert found == tone and ("better" in sentence) != few
    for words in (sentence, text, table):
        assert (f"{documents} documents: too few" in words) == few, words
    assert ("95 % interval" in sentence) != few
    assert ('class="range' in text) != few, "no bar is drawn"


def terminal(page: ComparePage) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(compare_table(page))
    return console.export_text()


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        ({"metrics": {"ece": 0.02}}, {"metrics": {"ece": 0.09}}, ["calibration error 0.020 → 0.090"]),
        ({"metrics": {"ece": 0.09}}, {"metrics": {"ece": 0.02}}, []),
        ({"metrics": {"ece": 0.02}}, {"metrics": {"ece": 0.025}}, []),  # noise
        ({"size_bytes": 2e6}, {"size_bytes": 6e6}, ["size 2.0 MB → 6.0 MB (× 3.00)"]),
        ({"size_bytes": 6e6}, {"size_bytes": 2e6}, []),
        ({"documents_per_second": 900.0}, {"documents_per_second": 300.0}, ["speed 900 → 300 documents/s"]),
        ({"documents_per_second": 900.0}, {"documents_per_second": 850.0}, []),
        ({}, {"size_bytes": 6e6, "documents_per_second": 3.0}, []),  # nothing to measure against
        (
            {"metrics": {"ece": 0.01}, "size_bytes": 1e6, "documents_per_second": 100.0},
            {"metrics": {"ece": 0.03}, "size_bytes": 2e6, "documents_per_second": 50.0},
            ["calibration error", "size", "speed"],
        ),
    ],
)
def test_a_verdict_names_what_a_better_score_costs(first, other, said):
    tone, sentence = verdict(two_entries(first, other), "m/2")
    assert tone == "good" and "significantly better" in sentence
    assert all(words in sentence for words in said) and ("Worse:" in sentence) == bool(said), sentence


def test_what_the_models_were_made_with_is_said():
    changes = [f"option{n} 1 → 2" for n in range(9)]
    page = two_entries({}, {"changes": changes})
    sentence = verdict(page, "m/2")[1]
    assert "option0 1 → 2; option1" in sentence and "3 more on the page" in sentence
    text = render_comparison(page)
    check(text)
    assert all(change in text for change in changes)


def test_flips_are_read_with_the_surest_first():
    flips = [FlipExample("m/2", "fixed", f"text {n}", ["a"], "b", "a", "en", "s", n / 100) for n in range(25)]
    text = render_comparison(replace(two_entries({}, {}), flips=flips))
    places = [text.index(f"text {n}<") for n in (9, 5, 0, 24, 10)]
    assert places == sorted(places), "the ten that are shown by falling probability, then the folded ones"
    assert "0.24" in text


def test_baselines_that_a_run_noted_stand_in_the_table():
    page = two_entries({"metrics": {"linear_macro_f1": 0.77}}, {"metrics": {"majority_accuracy": 0.33}})
    text = terminal(page)
    assert "linear TF-IDF macro-F1" in text and "0.770" in text and "majority accuracy" in text


def test_errors_are_read_with_the_surest_first(page):
    rows = [
        {"text": f"error {n}", "gold": "a", "predicted": "b", "probability": n / 100, "raw": n != 3}
        for n in range(30)
    ]
    text = render_run(replace(page, errors=rows))
    places = [text.index(f"error {n}<") for n in (11, 5, 0, 29, 12)]
    assert places == sorted(places), "the twelve that are shown by falling probability, then the folded ones"
    assert text.count("as tokens") == 1, "a text whose file has gone"
