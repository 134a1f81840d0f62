"""A set of shards as an HTML page, and as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ftcore.report.pages import count, in_language_order, language_name, render, size
from ftcore.shards.look import Look

if TYPE_CHECKING:
    from rich.table import Table

BAR = 40  # characters of the longest bar in the terminal


def facts(look: Look) -> list[tuple[str, str]]:
    """The figures that stand on top: name and value."""
    manifest = look.manifest
    return [
        ("documents", count(manifest.rows)),
        ("read", count(manifest.read)),
        ("rejected", count(manifest.rejected)),
        ("filtered", count(manifest.filtered)),
        ("copies", count(manifest.duplicates)),
        ("tokens", count(look.tokens)),
        ("shards", f"{len(manifest.shards)}, {size(sum(entry.bytes for entry in manifest.shards))}"),
        ("digest", manifest.digest[:16]),
    ]


def render_shards(look: Look) -> str:
    """One HTML file, nothing fetched from elsewhere.

    Example:
        ``Path("shards.html").write_text(render_shards(look_at("shards")))``
    """
    most = max((n for _, _, n in look.lengths), default=0)
    quality = look.manifest.quality
    labels = sorted(look.manifest.labels.items(), key=lambda row: -sum(row[1].values()))
    return render(
        "shards_page.html",
        look=look,
        facts=facts(look),
        languages=_languages(look),
        reasons=_reasons(look),
        place=_place,
        labels=[(label, sum(splits.values()), splits) for label, splits in labels],
        lengths=[(_range(low, high), n, n / max(1, most)) for low, high, n in look.lengths],
        scores=[] if quality is None else score_rows(quality.scores, quality.thresholds),
    )


def shards_tables(look: Look) -> Iterator[Table]:
    """The same in the terminal."""
    yield table_of("", ["", ""], facts(look))
    yield table_of("documents", ["split", "language", "documents"], _languages(look))
    yield table_of("left out, and taken out", ["step", "reason", "number"], _reasons(look))
    most = max((n for _, _, n in look.lengths), default=0)
    bars = [(_range(low, high), n, "█" * round(BAR * n / max(1, most))) for low, high, n in look.lengths]
    yield table_of("length in tokens", ["tokens", "documents", ""], bars)
    quality = look.manifest.quality
    if quality is not None:
        yield scores_table(quality.label, quality.scores, quality.thresholds)
    samples = [
        (row["language"], ", ".join(row["labels"]), row["source"], row["tokens"][:100])
        for row in look.samples
    ]
    yield table_of("samples", ["language", "labels", "source", "tokens"], samples)
    rejects = [(_place(row), row["reason"], row["excerpt"]) for row in look.rejects]
    yield table_of("refused", ["where", "why", "excerpt"], rejects)
    copies = [(row["similarity"], row["source"], row["kept_source"], row["excerpt"]) for row in look.copies]
    yield table_of("copies, the least alike first", ["similarity", "source", "for", "excerpt"], copies)


def score_rows(
    scores: Mapping[str, Sequence[int]], thresholds: Mapping[str, float]
) -> list[tuple[str, str, int, float, str]]:
    """Histograms of scores: language, range, documents, their share of the largest, the threshold if it is in there.

    A language's rows begin and end with scores that are met, or with the threshold.
    """
    rows = []
    for language in in_language_order(scores):
        bins, mine = scores[language], []
        for number, n in enumerate(bins):
            low, high = number / len(bins), (number + 1) / len(bins)
            least = thresholds.get(language)
            here = least is not None and (low <= least < high or (least == high == 1))
            note = f"kept from {least:.4f} on" if here and least is not None else ""
            mine.append((language_name(language), f"{low:.2f}–{high:.2f}", n, n / max(1, *bins), note))
        told = [number for number, (_, _, n, _, note) in enumerate(mine) if n or note]
        rows += mine[told[0] : told[-1] + 1] if told else []
    return rows


def scores_table(label: str, scores: Mapping[str, Sequence[int]], thresholds: Mapping[str, float]) -> Table:
    """The same for the terminal."""
    rows = [
        (name, part, n, "█" * round(BAR * share), note)
        for name, part, n, share, note in score_rows(scores, thresholds)
        if n or note
    ]
    return table_of(f"scores: probability of {label!r}", ["language", "score", "documents", "", ""], rows)


def _place(row: dict) -> str:
    """Where a document is that went; of one that scored too low only the file is known, and the score."""
    return f"{row['source']}:{row['line']}" if row["line"] else f"{row['source']} ({row['score']:.4f})"


def _languages(look: Look) -> list[tuple[str, str, int]]:
    return [
        (split, language_name(language), languages[language])
        for split, languages in look.manifest.documents.items()
        for language in in_language_order(languages)
    ]


def _reasons(look: Look) -> list[tuple[str, str, int]]:
    return [
        (step, reason, number)
        for step, reasons in look.manifest.counts.items()
        for reason, number in sorted(reasons.items(), key=lambda row: -row[1])
    ]


def _range(low: int, high: int) -> str:
    return f"{low:,}–{high:,}" if low < high else f"{high:,}"


def table_of(title: str, columns: list[str], rows: list) -> Table:
    """A table of plain text for the terminal: what documents say is no markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, show_header=any(columns), show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    return table
