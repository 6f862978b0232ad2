"""Where validation puts the line between real and fake: the thresholds that are stored with the best weights."""

from __future__ import annotations

import numpy as np

from deepfakebench_ext.metrics.figure import one_class_reason
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.thresholds import alarm_rate_threshold, balanced_threshold
from deepfakebench_ext.models.stored_thresholds import Stored, StoredThreshold


def chosen_thresholds(table: ScoreTable, *, aggregation: str, threshold_fpr: float | None) -> Stored:
    """Return a threshold for every level of these scores that has both classes.

    Args:
        table: Of frames or clips.
        aggregation: The rule by which these come to the score of a video.
        threshold_fpr: Share of the reals that may be called fake; None puts it where balanced accuracy is best.
    """
    tables = [table, *([table.to_videos(aggregation)] if table.has_videos else [])]
    stored: Stored = {}
    for each in tables:
        rows = each.usable()
        labels, scores = each.labels[rows].astype(np.int64), each.scores[rows]
        if one_class_reason(labels):
            continue
        if threshold_fpr is None:
            value, rule = balanced_threshold(labels, scores), "best balanced accuracy"
        else:
            value = alarm_rate_threshold(labels, scores, threshold_fpr)
            rule = f"at most {100 * threshold_fpr:g} % of reals called fake"
        stored[each.level] = StoredThreshold(
            value=value,
            rule=rule,
            real=int(np.sum(labels == 0)),
            fake=int(np.sum(labels == 1)),
            aggregation=aggregation if each.level == "video" else None,
        )
    return stored
