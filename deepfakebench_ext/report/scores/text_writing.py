"""`inference_results_huggingface.txt`: results for people, and for scripts written against the older tool.

The lines of the older tool keep their exact form (also the word "images" where clips or videos are scored); what is
new stands before the sample lines, after the older figures, or in a section of its own at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES, REAL
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.detailed import GIVEN
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, Threshold
from deepfakebench_ext.report.scores.csv_writing import Row

TITLE = "Deepfake Detection Results (HuggingFace Model)"
RULE = "=" * 80
LEVEL_LINES: dict[Level, str] = {
    "frame": "Level of the figures: frame (one score an image; 'images' above are images)",
    "clip": "Level of the figures: clip (one score a clip; 'images' above are clips)",
    "video": "Level of the figures: video (one score a video; 'images' above are videos)",
}
SAMPLE_NAMES_SHOWN = 5


def write_results_text(
    path: Path,
    *,
    rows: Callable[[], Iterable[Row]],
    figures: Mapping[str, Figure],
    counts: Counts,
    level: Level,
    notices: Sequence[Notice] = (),
    aggregation: str | None = None,
    host: Sequence[str] = (),
    threshold: Threshold | None = None,
) -> None:
    """Write the results file. It is streamed: no more than one line is held at a time.

    Args:
        path: File to create or replace.
        rows: Gives the rows afresh at every call (it is called several times), each time all and in the same order:
            position in the input list from 1, sample, prediction.
        figures: Figures of the labelled and scored rows, from `binary_figures` with the same level.
        counts: Counts of the same rows.
        level: What one row stands for.
        notices: Printed before everything else, each with its kind, by which it is read back.
        aggregation: The rule by which frames or clips came to the score of a video; None where rows are no videos.
        host: A sentence on each figure that DeepfakeBench would have otherwise.
        threshold: Where decisions are made; None is 0.5.

    Raises:
        OutputError: The file cannot be written; what stood there is unchanged.
        ValueError: The rows are not as many as `counts` says.
    """
    threshold = threshold or Threshold(DECISION_THRESHOLD, "")
    with atomic_writer(path) as file:
        file.write(f"{TITLE}\n{RULE}\n\n")
        file.writelines(f"[WARNING] {printable(notice.text)} [{notice.kind}]\n" for notice in notices)
        file.write("\n" if notices else "")
        _write_samples(file, rows(), counts, threshold.value)
        file.write(f"\n{RULE}\nPERFORMANCE METRICS\n{RULE}\n")
        _write_older_metrics(file, rows, figures, counts, level)
        _write_newer_metrics(file, figures, counts, level, aggregation, threshold)
        file.writelines(f"{printable(line)}\n" for line in (["", *host] if host else []))
        if counts.not_scored:
            _write_not_scored(file, rows(), counts)


def _write_samples(file: TextIO, rows: Iterable[Row], counts: Counts, threshold: float) -> None:
    seen = scored = 0
    for row in rows:
        seen += 1
        if row[2].score is not None:
            scored += 1
            file.write(_sample_line(row, row[2].score, counts.total, threshold))
    if (seen, scored) != (counts.total, counts.scored):
        raise ValueError(
            f"rows gave {seen} samples, {scored} of them scored, but counts says {counts.total} and {counts.scored}"
        )


def _sample_line(row: Row, score: float, total: int, threshold: float) -> str:
    index, sample, _ = row
    true = "N/A" if sample.label is None else LABEL_NAMES[sample.label]
    return (
        f"[{index}/{total}] {_name(row)} | True: {true:>4} | Pred: {int(score > threshold)} (0=Real, 1=Fake)"
        f" | Prob: {score:.4f} | Path: {printable(sample.where)}\n"
    )


def _write_older_metrics(
    file: TextIO, rows: Callable[[], Iterable[Row]], figures: Mapping[str, Figure], counts: Counts, level: Level
) -> None:
    """The older tool's lines: true labels, numbers, and AUC and PR-AUC or why there are none."""
    if counts.scored > 1:
        _write_true_labels(file, rows())
        classes = [label for label, number in ((REAL, counts.real), (FAKE, counts.fake)) if number]
        file.write(f"\nUnique true labels found: {set(classes)}\n")
        if len(classes) < 2:
            _write_no_auc(file, rows(), classes)
    elif counts.scored == 1:
        file.write("\nSingle image processed - AUC calculation not applicable.\n")
    else:
        file.write("\n[WARNING] Cannot calculate AUC - nothing was scored\n")
    file.write(f"\nTotal images processed: {counts.scored}\nReal images: {counts.real}\nFake images: {counts.fake}\n")
    for title, name in (("AUC (Area Under ROC Curve)", "auc"), ("PR-AUC (Area Under Precision-Recall Curve)", "ap")):
        value = figures[f"{level}_{name}"].value
        if value is not None:
            file.write(f"{title}: {value:.4f}\n")


def _write_true_labels(file: TextIO, rows: Iterable[Row]) -> None:
    file.write("\nTRUE LABELS (for verification):\n")
    for row in rows:
        index, sample, prediction = row
        if prediction.score is not None and sample.label is not None:
            file.write(f"[{index}] {_name(row)} -> {LABEL_NAMES[sample.label]}\n")


def _write_no_auc(file: TextIO, rows: Iterable[Row], classes: Sequence[int]) -> None:
    problem = "only one class present in true labels" if classes else "no true labels are known"
    file.write(f"\n[WARNING] Cannot calculate AUC - {problem}\nClasses found: {list(classes)}\n")
    file.write(
        "Put real and fake files in folders named for their class (real, fake), or give --manifest with labels.\n"
    )
    file.write("\nSample filenames from your dataset:\n")
    scored = (row for row in rows if row[2].score is not None)
    file.writelines(f"  {printable(row[1].path.name)}\n" for row in islice(scored, SAMPLE_NAMES_SHOWN))


def _write_newer_metrics(
    file: TextIO,
    figures: Mapping[str, Figure],
    counts: Counts,
    level: Level,
    aggregation: str | None,
    threshold: Threshold,
) -> None:
    """What the older tool did not say: the meaning of PR-AUC, the level, figures at a threshold, what is missing."""
    if figures[f"{level}_ap"].value is not None:
        file.write("PR-AUC is step-wise average precision (AP), not the trapezoidal area.\n")
    file.write(f"\n{LEVEL_LINES[level]}\n")
    if aggregation is not None:
        file.write(f"Score of a video: {aggregation} over its frames or clips\n")
    where = f" ({printable(threshold.source)})" if threshold.source else ""
    file.write(f"A score above {threshold.value:.6g} is decided as fake{where}.\n")
    at = GIVEN if threshold.source else ""
    for title, name, form in (
        ("EER (Equal Error Rate)", "eer", ".4f"),
        ("EER threshold", "eer_threshold", ".4f"),
        ("Accuracy", f"accuracy{at}", ".2%"),
        ("Precision", f"precision{at}", ".4f"),
        ("Recall", f"recall{at}", ".4f"),
        ("F1-Score", f"f1{at}", ".4f"),
    ):
        file.write(f"{title}: {_value(figures[f'{level}_{name}'], form)}\n")
    for title, name in (("AUC", "auc"), ("PR-AUC", "ap"), ("EER", "eer")):
        file.write(_interval(title, figures[f"{level}_{name}"]))
    file.write(f"\nInputs: {counts.total}\nScored: {counts.scored}\nNot scored: {counts.not_scored}\n")
    file.write(f"Scored without a true label: {counts.unlabelled}\n")


def _write_not_scored(file: TextIO, rows: Iterable[Row], counts: Counts) -> None:
    file.write(f"\n{RULE}\nNOT SCORED ({counts.not_scored} of {counts.total}; in no figure above)\n{RULE}\n\n")
    for row in rows:
        index, sample, prediction = row
        if prediction.score is None:
            file.write(
                f"[{index}] {_name(row)} | Status: {prediction.status} | Reason: {printable(prediction.reason)}"
                f" | Path: {printable(sample.where)}\n"
            )


def _value(figure: Figure, form: str) -> str:
    return f"undefined ({figure.reason})" if figure.value is None else format(figure.value, form)


def _interval(title: str, figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"95 % interval of {title}: {figure.low:.4f} to {figure.high:.4f} ({figure.interval})\n"


def _name(row: Row) -> str:
    return f"{printable(row[1].path.name):>30}"
