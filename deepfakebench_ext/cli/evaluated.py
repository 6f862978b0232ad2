"""What an evaluation came to, as it is printed: each input's score where there are few, figures, then warnings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfakebench_ext.cli.terminal import note, say, say_json, warn
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.wording import counted, noun_of, printable, rounded

if TYPE_CHECKING:
    from deepfakebench_ext.evaluation.outcome import Evaluation

_FEW = 20
"""Inputs whose scores are printed each."""
_SAID_BEFORE = "untrained"
"""The notice that was given when the detector was loaded."""


def finish(results: Mapping[str, Evaluation], *, by_name: bool, as_json: bool) -> None:
    """Print the figures of the files, or of each dataset by its name; exit with 3 where an input has no score."""
    from deepfakebench_ext.common.run_names import METRICS_JSON, RESULTS_TEXT

    _leave_text(results)
    if as_json:
        parsed = {
            name: json.loads((result.folder / METRICS_JSON).read_text(encoding="utf-8")) | _samples_json(result)
            for name, result in results.items()
        }
        say_json(json.dumps(parsed if by_name else next(iter(parsed.values())), indent=2))
    else:
        for name, result in results.items():
            lines = [*([f"dataset: {name}"] if by_name else []), *_summary(result, host=by_name)]
            say("\n".join(lines))
    for text in dict.fromkeys(
        notice.text for result in results.values() for notice in result.notices if notice.kind != _SAID_BEFORE
    ):
        warn(text)
    unscored = sum(result.counts[result.level].not_scored for result in results.values())
    if unscored:
        say(f"{counted(unscored, 'input')} could not be scored; {RESULTS_TEXT} says why", err=True)
        sys.exit(3)


def finish_known(known: Evaluation, weights: str, *, as_json: bool) -> None:
    """Print the figures of a run that ended before and was asked again, as `finish`."""
    from deepfakebench_ext.common.notices import untrained_head

    note(f"finished before, and nothing has changed since: {known.folder}")
    if not known.trained:
        warn(untrained_head(weights))
    finish({known.folder.name: known}, by_name=False, as_json=as_json)


def _leave_text(results: Mapping[str, Evaluation]) -> None:
    """Write the one name into the working directory that the older tool wrote, and that scripts look for there."""
    from deepfakebench_ext.common.atomic_files import remove_abandoned, write_bytes_atomic
    from deepfakebench_ext.common.run_names import RESULTS_TEXT

    texts = [(result.folder / RESULTS_TEXT).read_bytes() for result in results.values()]
    try:
        remove_abandoned(Path(), RESULTS_TEXT)
        write_bytes_atomic(Path(RESULTS_TEXT), b"\n".join(texts))
    except (OutputError, OSError) as error:
        warn(f"{error}. Each stands in its run's folder")


def _summary(result: Evaluation, *, host: bool) -> Iterator[str]:
    """The lines; of a dataset of DeepfakeBench's with its own video AUC, where that is another."""
    if not result.trained:
        yield "UNTRAINED HEAD: every score and figure is noise"
    if few := _few(result):
        yield from (_sample_line(row, _threshold(result)) for row in few)
        yield _rule(result)
    for level, counts in result.counts.items():
        noun = noun_of(level, result.counts)
        labels = f"; true labels: {counts.real} real, {counts.fake} fake" if counts.real or counts.fake else ""
        yield f"{counts.scored} of {counted(counts.total, noun)} scored{labels}"
        if labels:
            yield from _figures(result, level)
    if result.threshold is not None:
        yield f"threshold {rounded(result.threshold.value)}, {printable(result.threshold.source)}"
    if host and result.host_video_auc:
        yield result.host_video_auc
    if result.protocol is not None:
        yield f"protocol {result.protocol.text()}"
    yield f"results in {result.folder}"


def _figures(result: Evaluation, level: str) -> Iterator[str]:
    """The figures that have a value, with their intervals; the others by the reason why not."""
    from deepfakebench_ext.metrics.detailed import GIVEN
    from deepfakebench_ext.metrics.figure import with_interval

    names = ("auc", "ap", "eer", "accuracy", f"balanced_accuracy{GIVEN}", f"accuracy{GIVEN}")
    undefined: dict[str, list[str]] = {}
    for name in names:
        figure = result.figures.get(f"{level}_{name}")
        if figure is not None and figure.value is not None:
            yield f"{level}_{name:<9} {with_interval(figure)}"
        elif figure is not None:
            undefined.setdefault(figure.reason, []).append(f"{level}_{name}")
    for reason, which in undefined.items():
        yield f"{', '.join(which)}: undefined ({reason})"


def _threshold(result: Evaluation) -> float:
    from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD

    return DECISION_THRESHOLD if result.threshold is None else result.threshold.value


def _rule(result: Evaluation) -> str:
    """At which level the scores are that were printed, and by which rule they are called fake."""
    noun = noun_of(result.level, result.counts)
    return f"scores of each {noun}; fake is above {_threshold(result):.4g}, else real"


def _few(result: Evaluation) -> list[dict[str, str]]:
    """The rows of each input's scores, where there are few; else none."""
    from deepfakebench_ext.common.csv_files import open_csv
    from deepfakebench_ext.common.run_names import SCORES_CSV, VIDEOS_CSV

    if result.counts[result.level].total > _FEW:
        return []
    with open_csv(result.folder / (VIDEOS_CSV if result.level == "video" else SCORES_CSV)) as (header, rows):
        return [dict(zip(header, row, strict=True)) for row in rows]


def _sample_line(row: Mapping[str, str], threshold: float) -> str:
    """What is said of one input."""
    if row["status"] != "ok":
        return f"{printable(row['key'])}  not scored: {printable(row['reason'] or row['status'])}"
    return f"{printable(row['key'])}  P(fake) {rounded(float(row['score']), 3)}  {_decision(row, threshold)}"


def _decision(row: Mapping[str, str], threshold: float) -> str | None:
    if row["status"] != "ok":
        return None
    return "fake" if float(row["score"]) > threshold else "real"


def _samples_json(result: Evaluation) -> dict[str, Any]:
    """Each input, its score and what it is called, where there are few, and the rule."""
    few, threshold = _few(result), _threshold(result)
    rows = [
        {
            "key": row["key"],
            "score": float(row["score"]) if row["status"] == "ok" else None,
            "decision": _decision(row, threshold),
            "status": row["status"],
            "reason": row["reason"],
        }
        for row in few
    ]
    return {"samples": rows, "samples_level": result.level, "samples_threshold": threshold} if rows else {}
