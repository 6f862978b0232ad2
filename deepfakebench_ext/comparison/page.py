"""The report of a comparison: what detectors side by side look like as a document, and its files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import MissingExtraError, OutputError
from deepfakebench_ext.common.protocol import UNKNOWN_PROTOCOL
from deepfakebench_ext.common.types import LABEL_NAMES
from deepfakebench_ext.common.wording import counted, rounded
from deepfakebench_ext.comparison.compare import disagreements, wrong_by_all
from deepfakebench_ext.comparison.comparison_json import comparison_text
from deepfakebench_ext.comparison.records import Compared, Comparison
from deepfakebench_ext.comparison.tables import (
    counts_sentences,
    decisions_table,
    figure_notes,
    figures_tables,
    group_tables,
    pair_sentences,
    pairs_table,
    rank_table,
    shown_name,
    side_by_side,
    write_comparison_csv,
)
from deepfakebench_ext.report.document import (
    Block,
    Code,
    Document,
    Gallery,
    Heading,
    Paragraph,
    Picture,
    Pictures,
    Points,
    Table,
    Thumb,
    warnings_of,
)
from deepfakebench_ext.report.figure_tables import definitions_table
from deepfakebench_ext.report.headline import day_of, has_ties, ranking_words
from deepfakebench_ext.report.pictures import Series, draw_pictures
from deepfakebench_ext.report.run_page import PICTURE_TEXTS, run_settings, write_document
from deepfakebench_ext.report.scores.score_files import refuse_run_directory
from deepfakebench_ext.report.thumbnails import thumbnail

logger = logging.getLogger(__name__)

JSON, CSV = "comparison.json", "comparison.csv"
SAMPLES_SHOWN = 12


def write_comparison(folder: Path, comparison: Comparison, *, plots: bool = True) -> None:
    """Write `comparison.json`, `comparison.csv`, `report.md` with its pictures, and the single file `report.html`.

    Args:
        folder: Where they go; it is made where it is not there.
        comparison: From `compare`.
        plots: Draw the pictures, where matplotlib is installed.

    Raises:
        ConfigError: The folder is that of a run, whose report would be replaced.
        OutputError: A file cannot be written.
    """
    refuse_run_directory(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"results cannot be written to {folder}: {error}; give another --output_dir") from error
    with atomic_writer(folder / JSON) as file:
        file.write(comparison_text(comparison))
    write_comparison_csv(folder / CSV, comparison)
    write_document(folder, comparison_document(comparison, plots=plots))


def comparison_document(comparison: Comparison, *, plots: bool = True) -> Document:
    """Return the report."""
    said = [Paragraph(text) for text in _headline(comparison)]
    blocks = [*warnings_of(comparison.warnings), *said, *_ranks(comparison), *_pairs(comparison), *_figures(comparison)]
    blocks += _pictures(comparison) if plots else []
    groups = group_tables(comparison)
    blocks += [Heading("Groups"), *groups] if groups else []
    blocks += [*_galleries(comparison), *_settings(comparison)]
    return Document(_title(comparison), [*blocks, Heading("Definitions"), _definitions(comparison)])


def _title(comparison: Comparison) -> str:
    return f"Comparison of {len(comparison.detectors)} detectors"


def _headline(comparison: Comparison) -> Iterator[str]:
    """What was compared on what and when, as far as the runs say, and which detector is ahead."""
    level, runs = comparison.level, [each.file.run for each in comparison.detectors]
    inputs = list(dict.fromkeys(str(run["input"]) for run in runs if run.get("input")))
    day = day_of(runs)
    names = ", ".join(map(shown_name, comparison.detectors))
    fake = int(comparison.labels.sum())
    count = f"{counted(len(comparison.labels), level)}, {len(comparison.labels) - fake} real and {fake} fake"
    of = f"{inputs[0]}, {count}" if len(inputs) == 1 else count
    yield f"{names} on {of}{f'; {day}' if day else ''}."
    defined = [each for each in comparison.detectors if each.figures[f"{level}_auc"].value is not None]
    if not defined:
        yield f"Which is ahead is not known: {comparison.no_pairs}."
        return
    trained = [each for each in defined if each.file.trained is not False]
    if not trained:
        yield "Which is ahead is not known: all heads are untrained, and their scores say nothing."
        return
    auc = {each.name: each.figures[f"{level}_auc"].value or 0.0 for each in trained}
    best = [each for each in trained if auc[each.name] == max(auc.values())]
    meaning = ranking_words(
        best[0].figures[f"{level}_auc"], level, has_ties=any(has_ties(comparison.labels, each.scores) for each in best)
    )
    if len(trained) == 1:
        yield f"{best[0].name} alone has a trained head. {meaning}; what the others score is noise."
    elif len(best) > 1:
        yield f"{' and '.join(map(shown_name, best))} are ahead, with one AUC. {meaning}, as does each of them."
    else:
        yield f"{best[0].name} is ahead. {meaning}; {_beaten(comparison, best[0], set(auc))}."


def _beaten(comparison: Comparison, best: Compared, trained: Collection[str]) -> str:
    """How many of the other detectors with trained heads are behind the best beyond noise."""
    others = len(trained) - 1
    pairs = [pair for pair in comparison.pairs if pair.first in trained and pair.second in trained]
    won = sum(pair.differ for pair in pairs if best.name in (pair.first, pair.second))
    of = " with a trained head" if len(trained) < len(comparison.detectors) else ""
    if won == others:
        behind = "the other" if others == 1 else f"all {others} others"
        return f"better than {behind}{of} beyond noise"
    return f"better than {won} of {counted(others, 'other')}{of} beyond noise"


def _ranks(comparison: Comparison) -> Iterator[Block]:
    yield Heading("Ranks")
    yield Points(counts_sentences(comparison))
    yield rank_table(comparison)


def _figures(comparison: Comparison) -> Iterator[Block]:
    yield Heading("Figures")
    yield from figures_tables(comparison)
    yield decisions_table(comparison)
    if notes := figure_notes(comparison):
        yield Points(notes)


def _pairs(comparison: Comparison) -> Iterator[Block]:
    yield Heading("Which detectors differ")
    yield Points(pair_sentences(comparison))
    if (table := pairs_table(comparison)) is not None:
        yield table


def _pictures(comparison: Comparison) -> list[Block]:
    series = [Series(shown_name(each), comparison.labels, each.scores) for each in comparison.detectors]
    try:
        drawn = draw_pictures(series, level=comparison.level)
    except MissingExtraError as error:
        logger.warning("%s", error)
        return []
    names = ", ".join(each.name for each in comparison.detectors)
    pictures = [Picture(name, f"{PICTURE_TEXTS[name]}: {names}", png) for name, png in drawn.items()]
    return [Heading("Pictures"), Pictures(pictures)]


def _galleries(comparison: Comparison) -> Iterator[Block]:
    parts: tuple[tuple[str, Callable[[Comparison, int], list[int]]], ...] = (
        ("Samples on which detectors disagree most", disagreements),
        ("Samples that all detectors get wrong", wrong_by_all),
    )
    for title, chosen in parts:
        if places := chosen(comparison, SAMPLES_SHOWN):
            yield Heading(title)
            yield Gallery(_thumbs(comparison, places))


def _thumbs(comparison: Comparison, places: Sequence[int]) -> list[Thumb]:
    pictures: list[bytes | None] = [None] * len(places)
    for detector in comparison.detectors:
        if lacking := [number for number, picture in enumerate(pictures) if picture is None]:
            seen = detector.file.looks(detector.unit_rows[[places[number] for number in lacking]].tolist())
            for number, each in zip(lacking, seen, strict=True):
                pictures[number] = thumbnail(each)
    return [_thumb(comparison, place, picture) for place, picture in zip(places, pictures, strict=True)]


def _thumb(comparison: Comparison, place: int, picture: bytes | None) -> Thumb:
    scores = [f"{shown_name(each)} {rounded(float(each.scores[place]))}" for each in comparison.detectors]
    return Thumb(comparison.keys[place], [LABEL_NAMES[int(comparison.labels[place])], *scores], picture)


def _settings(comparison: Comparison) -> Iterator[Block]:
    """What each run was made with, side by side; what differs stands out."""
    settings = {}
    for each in comparison.detectors:
        rule = {} if each.aggregation is None else {"score of a video": each.aggregation}
        where = f"{each.file.path.as_posix()} {each.file.column}".rstrip()
        known = each.file.protocol
        protocol = {"protocol of the run": UNKNOWN_PROTOCOL if known is None else known.text()} if each.file.run else {}
        settings[each.name] = {"scores": where, **protocol, **run_settings(each.file.run), **rule}
    names = list(dict.fromkeys(name for own in settings.values() for name in own))
    said = [{own.get(name, "-") for own in settings.values()} for name in names]
    differing = frozenset(number for number, values in enumerate(said) if number and len(values) > 1)
    yield Heading("Provenance")
    yield Paragraph("Rows that stand out differ between the detectors.")
    for part in side_by_side(comparison.detectors):
        rows = [(name, *(settings[each.name].get(name, "-") for each in part)) for name in names]
        yield Table(("setting", *map(shown_name, part)), rows, differing)
    for each in comparison.detectors:
        yield from _command(each)


def _definitions(comparison: Comparison) -> Table:
    """Definitions once for all detectors; an interval that was made in several ways has them all."""
    figures = {}
    for name, figure in comparison.detectors[0].figures.items():
        methods = dict.fromkeys(each.figures[name].interval for each in comparison.detectors)
        figures[name] = replace(figure, interval="; or ".join(filter(None, methods)))
    return definitions_table(figures, [comparison.level])


def _command(detector: Compared) -> Iterator[Block]:
    if command := detector.file.run.get("command"):
        yield Code(str(command), summary=f"Command of {detector.name}")
