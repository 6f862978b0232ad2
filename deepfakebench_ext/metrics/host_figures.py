"""DeepfakeBench's own figures, number for number, and in words why they differ from ours. Pure.

They are there to stand beside published rows, which were computed so. Source of every rule: DeepfakeBench
training/metrics/utils.py, `get_test_metrics` (commit 8a4a7bf). Where it would stop with an error, the figure here is
undefined and says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.metrics.figure import (
    Figure,
    Floats,
    Integers,
    check_arrays,
    check_length,
    check_vector,
    one_class_reason,
)
from deepfakebench_ext.metrics.steps import Steps, steps_of
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD

DEFINITIONS: dict[str, str] = {
    "acc": "DeepfakeBench: share of frames (or clips) decided rightly, where a score > 0.5 is fake",
    "auc": "DeepfakeBench: area under the ROC curve of frames (or clips)",
    "eer": "DeepfakeBench: false positive rate of the ROC corner nearest to FPR = FNR, not interpolated",
    "ap": "DeepfakeBench: step-wise average precision of frames (or clips), fake as the positive class",
    "video_auc": "DeepfakeBench: AUC of mean scores by folder name; the AUC of clips where clips are scored",
}
STOPS = "DeepfakeBench stops with an error here (training/metrics/utils.py)"
Folders = Sequence[str] | Integers
_CHUNK = 65_536  # a score as text takes 128 bytes
SAME = 1e-9
"""Figures this close are the same: single precision of the scores moves them no further."""


@dataclass(frozen=True, slots=True)
class HostFigures:
    """What DeepfakeBench's test script would print.

    Attributes:
        figures: `acc`, `auc`, `eer`, `ap`, `video_auc` to figure, without intervals.
        clips: Whether clips were scored, of which it takes no video AUC.
        groups: Groups of frames that it takes for videos; 0 for clips.
        mixed_groups: Those of them with reals and fakes in them, which count as real.
    """

    figures: Mapping[str, Figure]
    clips: bool
    groups: int
    mixed_groups: int


def host_figures(labels: Integers, scores: NDArray[np.floating[Any]], folders: Folders, *, clips: bool) -> HostFigures:
    """DeepfakeBench's figures of frames or clips.

    Args:
        labels: Integers (N,): 0 real, 1 fake.
        scores: P(fake) (N,) in [0, 1]: float32 where the detector's are, else float64. It matters to the last digits:
            it averages the shortest decimals that name a score, and those of a float32 are not its exact value.
        folders: (N,) names of the folders in which the frames lie, as `folder_name` gives them, or a number for each
            name; any for clips.
        clips: Whether one row is a clip, not a frame.

    Raises:
        ValueError: The arrays are none that figures are made from, or the lengths differ.
    """
    check_vector("scores", scores)
    if scores.dtype not in (np.float32, np.float64):
        raise ValueError(f"scores must be float32 or float64, got {scores.dtype}; use scores.astype(np.float32)")
    exact = scores.astype(np.float64, copy=False)
    check_arrays(labels, exact)
    check_length("folders", np.asarray(folders), labels)
    values = _unit_values(labels, exact)
    groups = mixed = 0
    if clips:
        values["video_auc"] = values["auc"]
    else:
        values["video_auc"], groups, mixed = _folder_auc(labels, scores, folders)
    return HostFigures({name: _figure(name, values[name]) for name in DEFINITIONS}, clips, groups, mixed)


def folder_name(path: str) -> str:
    """The name by which DeepfakeBench tells videos apart: of the folder in which the frame lies.

    Raises:
        ValueError: The path has no folder; DeepfakeBench ends with an IndexError.
    """
    parts = path.split("\\") if "\\" in path else path.split("/")
    if len(parts) < 2:
        raise ValueError(f"{path!r} has no folder; DeepfakeBench tells videos apart by the folder of their frames")
    return parts[-2]


def differences(
    ours: Mapping[str, Figure], host: HostFigures, *, videos: int, aggregation: str = "mean"
) -> dict[str, str]:
    """By its name, one line a figure of DeepfakeBench's that is not ours, with both values and the cause.

    Args:
        ours: Figures by name, such as `frame_auc` and `video_auc`, of the same scores.
        host: Of the same scores.
        videos: How many videos ours has: scored, and with a label.
        aggregation: The rule by which ours comes to the score of a video.
    """
    level = "clip" if host.clips else "frame"
    names = {"acc": f"{level}_accuracy", "auc": f"{level}_auc", "eer": f"{level}_eer", "ap": f"{level}_ap"}
    lines = {}
    for name, figure in host.figures.items():
        our_name = names.get(name, "video_auc")
        mine = ours[our_name].value if our_name in ours else None
        if not _same(mine, figure.value):
            known = _cause(name, host, videos, aggregation) if our_name in ours else f"there is no {our_name} here"
            cause = figure.reason or known
            lines[name] = f"DeepfakeBench's {name} is {_shown(figure.value)}, {our_name} {_shown(mine)}: {cause}"
    return lines


def _unit_values(labels: Integers, scores: Floats) -> dict[str, float | str]:
    if not len(labels):
        return dict.fromkeys(DEFINITIONS, f"{one_class_reason(labels)}; {STOPS}")
    accuracy = float(((scores > DECISION_THRESHOLD) == labels).sum() / len(labels))
    if reason := one_class_reason(labels):
        return {**dict.fromkeys(("auc", "eer", "ap"), f"{reason}; {STOPS}"), "acc": accuracy}
    steps = steps_of(labels, scores)
    false_rates, true_rates = _corners(steps)
    nearest = np.argmin(np.abs(1 - true_rates - false_rates))
    return {
        "acc": accuracy,
        "auc": _trapezoids(false_rates, true_rates),
        "eer": float(false_rates[nearest]),
        "ap": _precision_sum(steps),
    }


def _corners(steps: Steps) -> tuple[Floats, Floats]:
    """False and true positive rates where the ROC curve bends, from 0 to 1: its EER is one of these.

    Source: scikit-learn's `roc_curve`, which it calls; the same to the last bit.
    """
    alarms, hits = steps.alarms[0], steps.hits[0]
    is_kept = np.ones(len(alarms), bool)  # the beginning, the first and the last score, and between them
    is_kept[2:-1] = (np.diff(alarms[1:], 2) != 0) | (np.diff(hits[1:], 2) != 0)
    return alarms[is_kept] / alarms[-1], hits[is_kept] / hits[-1]


def _trapezoids(false_rates: Floats, true_rates: Floats) -> float:
    """Source: scikit-learn's `auc`, which it calls."""
    return float((np.diff(false_rates) * (true_rates[1:] + true_rates[:-1]) / 2.0).sum())


def _precision_sum(steps: Steps) -> float:
    """Source: scikit-learn's `average_precision_score`, which it calls: summed from the lowest threshold up."""
    alarms, hits = steps.alarms[0, 1:], steps.hits[0, 1:]
    precision, recall = hits / (hits + alarms), hits / hits[-1]
    return float(max(0.0, -np.sum(np.diff(np.append(recall[::-1], 0.0)) * precision[::-1])))


def _folder_auc(labels: Integers, scores: NDArray[np.floating[Any]], folders: Folders) -> tuple[float | str, int, int]:
    """Its video AUC or why there is none, the number of groups, and of those with both classes."""
    _, group, sizes = np.unique(folders, return_inverse=True, return_counts=True)
    means = np.bincount(group, _read_back(scores)) / sizes
    fakes = np.bincount(group, labels).astype(np.int64)
    group_labels = fakes // sizes  # int(mean label): one real frame makes the whole group real
    mixed = int(np.count_nonzero((fakes > 0) & (fakes < sizes)))
    if one_class_reason(group_labels):
        only = "fake" if fakes.any() and not mixed else "real"
        return f"all {len(sizes)} groups by folder name count as {only}{_mixing(mixed)}; {STOPS}", len(sizes), mixed
    return _trapezoids(*_corners(steps_of(group_labels, means))), len(sizes), mixed


def _read_back(scores: NDArray[np.floating[Any]]) -> Floats:
    """Scores as it has them: it stacks them beside names, which makes text of them, and reads them back.

    The text of a float64 is read back as it was, and of a float32 as the shortest decimal that names it.
    """
    if scores.dtype == np.float64:
        return scores.astype(np.float64, copy=False)
    pieces = [scores[first : first + _CHUNK] for first in range(0, max(len(scores), 1), _CHUNK)]
    return np.concatenate([piece.astype(str).astype(np.float64) for piece in pieces])


def _cause(name: str, host: HostFigures, videos: int, aggregation: str) -> str:
    if name == "eer":
        return "it takes the ROC corner nearest to FPR = FNR and does not interpolate"
    if name != "video_auc":
        return "not by its definition, which is ours too; the samples or the digits of the scores differ"
    if host.clips:
        return "it calls the AUC of clips so, and never comes to a score of a video"
    causes = []
    if host.groups != videos:
        causes.append(f"it tells videos apart by their folder's name alone, and made {host.groups} of {videos}")
    if host.mixed_groups:
        causes.append(_mixing(host.mixed_groups).removeprefix("; "))
    if aggregation != "mean":
        causes.append(f"it averages the scores of a video, which {aggregation} does not")
    return "; ".join(causes) or "the frames of a video stand in folders of several names, or in single precision"


def _mixing(mixed: int) -> str:
    return f"; {mixed} of its groups hold real and fake frames and count as real" if mixed else ""


def _same(mine: float | None, its: float | None) -> bool:
    if mine is None or its is None:
        return mine is its
    return math.isclose(mine, its, rel_tol=0, abs_tol=SAME)


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _figure(name: str, value: float | str) -> Figure:
    better = name != "eer"
    if isinstance(value, str):
        return Figure(None, DEFINITIONS[name], value, higher_is_better=better)
    return Figure(value, DEFINITIONS[name], higher_is_better=better)
