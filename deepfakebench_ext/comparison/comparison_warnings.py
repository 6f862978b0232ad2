"""Where a comparison of detectors would mislead, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepfakebench_ext.comparison.matched_samples import Matched
from deepfakebench_ext.metrics.figure import Integers, Level
from deepfakebench_ext.metrics.misleading import score_warnings
from deepfakebench_ext.metrics.summary import UNTRAINED, says_untrained

if TYPE_CHECKING:
    from deepfakebench_ext.comparison.records import Compared

FEW_COMPARED = 0.5
"""Where less than this share of a detector's samples is compared, a warning says so."""


def comparison_warnings(
    detectors: Sequence[Compared], matched: Matched, level: Level, clusters: Integers | None
) -> list[str]:
    """Sentences on what holds for all detectors, once, and on what holds for some, with their names.

    Args:
        detectors: Those that are compared.
        matched: Their samples.
        level: What one score stands for.
        clusters: Integers (N,): the video that a frame or clip is from; None where every row stands alone.
    """
    own = [_warnings_of(each, matched.labels, level, clusters) for each in detectors]
    general = [text for text in own[0] if all(text in texts for texts in own)]
    named = [
        f"{each.name}: {text}"
        for each, texts in zip(detectors, own, strict=True)
        for text in texts
        if text not in general
    ]
    severe = [text for text in named if says_untrained(text)]
    groups = [each.warning for each in detectors[0].breakdowns if each.warning]  # all have the same groups
    together = _warnings_together(detectors, matched, level)
    return [*severe, *together, *general, *groups, *(t for t in named if t not in severe)]


def _warnings_of(detector: Compared, labels: Integers, level: Level, clusters: Integers | None) -> list[str]:
    notices = list(detector.file.notices)
    if detector.file.trained is False and not any(map(says_untrained, notices)):
        notices.insert(0, UNTRAINED)
    beside = {f"{name}: {figure.warning}" for name, figure in detector.figures.items()}
    found = score_warnings(labels, detector.scores, detector.figures, level=level, clusters=clusters)
    return notices + [text for text in found if text not in beside]


def _warnings_together(detectors: Sequence[Compared], matched: Matched, level: Level) -> list[str]:
    count = len(matched.keys)
    warnings = [
        f"only {count} of the {each.counts.total} {level}s of {each.name} are compared"
        for each in detectors
        if count < FEW_COMPARED * each.counts.total
    ]
    rules = {each.name: each.aggregation for each in detectors if each.aggregation is not None}
    if len(set(rules.values())) > 1:
        said = ", ".join(f"{name} {rule}" for name, rule in rules.items())
        warnings.append(f"videos have their scores by other rules ({said}); --aggregation RULE makes them one")
    if matched.by_number:
        warnings.append(
            f"{level}s are matched by their number, since not all files have their times: where runs sampled videos "
            "otherwise, these are other pictures"
        )
    return warnings + _twins(detectors)


def _twins(detectors: Sequence[Compared]) -> list[str]:
    return [
        f"{one.name} and {other.name} give the same score to every sample: are they one detector?"
        for number, one in enumerate(detectors)
        for other in detectors[number + 1 :]
        if (one.scores == other.scores).all()
    ]
