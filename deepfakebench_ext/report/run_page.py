"""The report of one run: what its summary, its settings and its worst samples look like as a document."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.atomic_files import atomic_writer, write_bytes_atomic
from deepfakebench_ext.common.errors import MissingExtraError, OutputError
from deepfakebench_ext.common.protocol import UNKNOWN_PROTOCOL
from deepfakebench_ext.common.run_names import BEGUN
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES
from deepfakebench_ext.common.wording import noun_of, rounded
from deepfakebench_ext.metrics.summary import Summary
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
from deepfakebench_ext.report.figure_tables import (
    breakdown_table,
    calibration_table,
    counts_sentence,
    decision_tables,
    definitions_table,
    host_table,
    level_table,
    missing_table,
    scored_table,
)
from deepfakebench_ext.report.headline import headline
from deepfakebench_ext.report.html import to_html
from deepfakebench_ext.report.markdown import to_markdown
from deepfakebench_ext.report.pictures import Series, draw_pictures
from deepfakebench_ext.report.seen import Looks, Seen
from deepfakebench_ext.report.thumbnails import Worst, telling_rows, thumbnail, worst_samples

logger = logging.getLogger(__name__)

MARKDOWN, HTML, PICTURES = "report.md", "report.html", "report_pictures"
WORST_SHOWN = 8
PICTURE_TEXTS = {
    "roc": "ROC curve",
    "pr": "precision-recall curve",
    "det": "detection error trade-off curve",
    "histogram": "histograms of the scores of reals and fakes",
    "reliability": "share of fakes over mean score, bin by bin",
}


def write_run_page(
    folder: Path,
    summary: Summary,
    *,
    run: Mapping[str, Any] | None = None,
    looks: Looks | None = None,
    plots: bool = True,
) -> None:
    """Write `report.md`, its pictures in `report_pictures/`, and the single file `report.html`.

    Args:
        folder: Where they go; it exists.
        summary: From `summarise`.
        run: What `run.json` holds; None or empty where there is none.
        looks: What was scored in some rows of the table of frames or clips, for thumbnails; None for none.
        plots: Draw the pictures, where matplotlib is installed.

    Raises:
        OutputError: A file cannot be written.
    """
    document = run_document(summary, run=run, looks=looks, plots=plots)
    write_document(folder, document)


def write_document(folder: Path, document: Document) -> None:
    """Write any report as Markdown with its pictures, and as HTML.

    Raises:
        OutputError: A file cannot be written.
    """
    pictures = [each for block in document.blocks if isinstance(block, Pictures) for each in block.pictures]
    try:
        if pictures:
            (folder / PICTURES).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder / PICTURES}: {error}; move it away, or make room") from error
    for picture in pictures:
        write_bytes_atomic(folder / PICTURES / f"{picture.name}.png", picture.png)
    for name, text in ((MARKDOWN, to_markdown(document, prefix=f"{PICTURES}/")), (HTML, to_html(document))):
        with atomic_writer(folder / name) as file:
            file.write(text)


def run_document(
    summary: Summary, *, run: Mapping[str, Any] | None = None, looks: Looks | None = None, plots: bool = True
) -> Document:
    """Return the report; the arguments are those of `write_run_page`."""
    said = [Paragraph(text) for text in headline(summary, run or {})]
    blocks = [*warnings_of(summary.said), *said, *_protocol(summary, run or {}), *_figures(summary)]
    blocks += _pictures(summary) if plots else []
    blocks += _breakdowns(summary)
    blocks += [*_scored(summary), *_thresholds(summary), *_host(summary), *_worst(summary, looks)]
    blocks += _provenance(run or {})
    definitions = definitions_table(summary.figures, list(summary.levels))
    return Document(summary.title or "Results", [*blocks, Heading("Definitions"), definitions])


def _protocol(summary: Summary, run: Mapping[str, Any]) -> list[Block]:
    """On what and how the figures were made; nothing of scores that are no run's."""
    if summary.protocol is not None:
        return [Paragraph(f"Protocol {summary.protocol.text()}.")]
    return [Paragraph(f"Protocol: {UNKNOWN_PROTOCOL}; the run does not say what its samples hold.")] if run else []


def _figures(summary: Summary) -> Iterator[Block]:
    """Tables of figures, the level that counts first."""
    for level in reversed(list(summary.levels)):
        yield Heading(f"Figures of {noun_of(level, summary.levels)}s")
        of = f"; a video's score is the {summary.aggregation} of its frames or clips" if level == "video" else ""
        yield Paragraph(counts_sentence(level, summary) + (of if summary.aggregation else "") + ".")
        yield level_table(level, summary.levels[level])
        yield from decision_tables(level, summary)


def _pictures(summary: Summary) -> list[Block]:
    try:
        drawn = draw_pictures([Series.of(summary)], level=summary.level)
    except MissingExtraError as error:
        logger.warning("%s", error)
        return []
    if not drawn:
        return []
    pictures = [Picture(name, PICTURE_TEXTS[name], png) for name, png in drawn.items()]
    return [Heading(f"Pictures ({summary.level}s)"), Pictures(pictures)]


def _breakdowns(summary: Summary) -> list[Block]:
    tables = [
        breakdown_table(level, breakdown)
        for level in reversed(list(summary.levels))
        for breakdown in summary.levels[level].breakdowns
    ]
    return [Heading("Breakdowns"), *tables] if tables else []


def _scored(summary: Summary) -> list[Block]:
    missing = missing_table(summary)
    return [Heading("Coverage"), scored_table(summary), *([] if missing is None else [missing])]


def _thresholds(summary: Summary) -> list[Block]:
    lines = [
        f"{level}: a score above {rounded(each.threshold.value, 6, 'g')} is fake, by {each.threshold.source}"
        for level, each in summary.levels.items()
        if each.threshold is not None
    ]
    fitted = [
        f"{level}: {each.calibration.fitted.summary}; fitted on {each.calibration.fitted_on}"
        for level, each in summary.levels.items()
        if each.calibration is not None
    ]
    table = calibration_table(summary)
    blocks: list[Block] = [Heading("Threshold"), Points(lines)] if lines else []
    return blocks if table is None else [*blocks, Heading("Calibration"), Points(fitted), table]


def _host(summary: Summary) -> list[Block]:
    table = host_table(summary)
    if table is None or summary.host is None:
        return []
    lines = tuple(summary.host.differences.values()) or ("They are ours too.",)
    return [Heading("DeepfakeBench's own figures"), table, Points(lines)]


def _worst(summary: Summary, looks: Looks | None) -> list[Block]:
    table = summary.tables[summary.level]
    units = next(iter(summary.tables.values()))
    missed, alarms = worst_samples(table, WORST_SHOWN)
    shown = [*missed, *alarms]
    rows = [each.row for each in shown]
    rows = rows if units is table else telling_rows(units)[rows].tolist()
    seen = list(looks(rows)) if looks is not None and rows else [Seen("")] * len(rows)
    thumbs = [
        _thumb(sample, each, "" if units is table else f"{units.level}s", float(units.scores[row]))
        for sample, row, each in zip(shown, rows, seen, strict=True)
    ]
    parts = (("Fakes scored lowest", thumbs[: len(missed)]), ("Reals scored highest", thumbs[len(missed) :]))
    return [block for title, part in parts if part for block in (Heading(title), Gallery(part))]


def _thumb(sample: Worst, seen: Seen, units: str, score: float) -> Thumb:
    """A sample; of a video the one of its `units` that was scored lowest or highest."""
    lines = [f"{LABEL_NAMES[sample.label]}, scored {rounded(sample.score)}"]
    if units and seen.frame is not None:
        which = "lowest" if sample.label == FAKE else "highest"
        lines.append(f"shown: frame {seen.frame}, {which} of its {units} at {rounded(score)}")
    return Thumb(sample.key, lines, thumbnail(seen))


def run_settings(run: Mapping[str, Any]) -> dict[str, str]:
    """Return what `run.json` says that decides scores, by the names that reports have for it; each on one line."""
    weights, detector = run.get("weights") or {}, run.get("detector") or {}
    known = {
        "detector": detector.get("model_name"),
        "weights": weights.get("source"),
        "revision": weights.get("revision"),
        "SHA-256 of the weights": weights.get("sha256"),
        "weight files": weights.get("files"),
        "fake is": _label_order(weights.get("label_order") or {}),
        "begun": run.get(BEGUN),
        "input": run.get("input"),
        "samples": run.get("samples"),
        "protocol": run.get("protocol"),
        "preprocessing": run.get("preprocess"),
        "faces": run.get("faces"),
        "sampling": run.get("sampling"),
        "video decoder": run.get("video_backend"),
        "device, type, batch": [run.get("device"), run.get("dtype"), run.get("batch_size")],
        "versions": run.get("versions"),
    }
    return {name: _words(value) for name, value in known.items() if value not in (None, [], {})}


def _provenance(run: Mapping[str, Any]) -> list[Block]:
    if not run:
        return []
    command = run.get("command")
    said: list[Block] = [Paragraph("Command:"), Code(str(command))] if command else []
    return [
        Heading("Provenance"),
        Table(("setting", "value"), list(run_settings(run).items())),
        *said,
        Code(json.dumps(run, indent=2, ensure_ascii=False), summary="All settings (run.json)"),
    ]


def _label_order(order: Mapping[str, Any]) -> str | None:
    return f"logit {_words(order.get('fake'))}, by {order.get('decided_by')}" if order else None


def _words(value: Any) -> str:
    """A setting on one line: `size 224, 224; mean 0.5, 0.5, 0.5`."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_words(each)}" for name, each in value.items() if each not in (None, [], {}))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_words(each) for each in value)
    return str(value)
