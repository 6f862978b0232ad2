"""Where a comparison of detectors would mislead, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice, untrained_unsaid
from deepfakebench_ext.common.protocol import UNKNOWN_PROTOCOL, told_apart
from deepfakebench_ext.comparison.matched_samples import Matched
from deepfakebench_ext.metrics.figure import Integers
from deepfakebench_ext.metrics.misleading import score_warnings

if TYPE_CHECKING:
    from deepfakebench_ext.comparison.records import Compared

FEW_COMPARED = 0.5
"""Where less than this share of a detector's samples is compared, a warning says so."""


def comparison_warnings(
    detectors: Sequence[Compared], matched: Matched, level: Level, clusters: Integers | None
) -> list[Notice]:
    """What to say of what holds for all detectors, once, and on what holds for some, with their names.

    Args:
        detectors: Those that are compared.
        matched: Their samples.
        level: What one score stands for.
        clusters: Integers (N,): the video that a frame or clip is from; None where every row stands alone.
    """
    own = [_warnings_of(each, matched.labels, level, clusters) for each in detectors]
    general = [notice for notice in own[0] if all(notice in notices for notices in own)]
    named = [
        notice.of(each.name)
        for each, notices in zip(detectors, own, strict=True)
        for notice in notices
        if notice not in general
    ]
    severe = [notice for notice in named if notice.severity == "severe"]
    groups = [
        notice for notice in _of_groups(detectors[0]) if notice.kind == "few_in_group"
    ]  # all have the same groups
    together = _warnings_together(detectors, matched, level)
    return [*severe, *together, *general, *groups, *(notice for notice in named if notice.severity != "severe")]


def _warnings_of(detector: Compared, labels: Integers, level: Level, clusters: Integers | None) -> list[Notice]:
    notices = detector.file.notices
    found = score_warnings(labels, detector.scores, detector.figures, level=level, clusters=clusters)
    turned = [notice for notice in _of_groups(detector) if notice.kind != "few_in_group"]
    return [*untrained_unsaid(notices, detector.file.trained), *notices, *found, *turned]


def _of_groups(detector: Compared) -> list[Notice]:
    return [notice for breakdown in detector.breakdowns for notice in breakdown.notices]


def _warnings_together(detectors: Sequence[Compared], matched: Matched, level: Level) -> list[Notice]:
    count = len(matched.keys)
    warnings = [
        Notice("few_compared", f"only {count} of the {each.counts.total} {level}s of {each.name} are compared")
        for each in detectors
        if count < FEW_COMPARED * each.counts.total
    ]
    rules = {each.name: each.aggregation for each in detectors if each.aggregation is not None}
    if len(set(rules.values())) > 1:
        said = ", ".join(f"{name} {rule}" for name, rule in rules.items())
        text = f"videos have their scores by other rules ({said}); --aggregation RULE makes them one"
        warnings.append(Notice("other_rules", text))
    if matched.by_number:
        text = (
            f"{level}s are matched by their number, since not all files have their times: where runs sampled videos "
            "otherwise, these are other pictures"
        )
        warnings.append(Notice("by_number", text))
    return [*_other_protocols(detectors), *warnings, *_twins(detectors)]


def _other_protocols(detectors: Sequence[Compared]) -> list[Notice]:
    """In what the protocols of runs differ, or that one's is not known, where others' are.

    How videos have their scores is this comparison's own choice, of which `other_rules` tells.
    """
    known = {each.name: replace(each.file.protocol, aggregation="") for each in detectors if each.file.protocol}
    said = told_apart(known)
    lost = [each.name for each in detectors if each.file.protocol is None and each.file.run]
    if lost and known:
        said.append(f"{', '.join(lost)}: {UNKNOWN_PROTOCOL}, so whether its samples are the others' is not known")
    return [Notice("other_protocol", text) for text in said]


def _twins(detectors: Sequence[Compared]) -> list[Notice]:
    pairs = [(a.name, b.name) for a, b in combinations(detectors, 2) if (a.scores == b.scores).all()]
    return [
        Notice("same_scores", f"{one} and {other} give the same score to every sample: are they one detector?")
        for one, other in pairs
    ]
