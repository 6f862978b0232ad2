"""What the samples that could not be scored might do to the AUC. Pure."""

from __future__ import annotations

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers, check_arrays, check_level, one_class_reason
from deepfakebench_ext.metrics.steps import area, steps_of

STAND_INS = {"real": 0.0, "fake": 1.0, "0.5": 0.5}
"""What a missing score is taken for: called real, called fake, undecided."""


def auc_with_missing(labels: Integers, scores: Floats, missing_labels: Integers, *, level: Level) -> dict[str, Figure]:
    """AUC of all samples if the missing scores were 0, 1 or 0.5: `{level}_auc_missing_as_real`, `_fake`, `_0.5`.

    Args:
        labels: Integers (N,) of the scored samples.
        scores: float64 (N,): P(fake) in [0, 1].
        missing_labels: Integers (M,) of the samples that have a label and no score; M may be 0.
        level: What one row stands for.

    Raises:
        ValueError: Arrays of another type or shape, or a value outside its range (says which and where).
    """
    check_arrays(labels, scores)
    check_arrays(missing_labels, np.zeros(len(missing_labels)))
    check_level(level)
    everyone = np.concatenate([labels, missing_labels])
    reason = one_class_reason(everyone)
    figures = {}
    for name, stand_in in STAND_INS.items():
        text = f"AUC with the {len(missing_labels)} missing of {len(everyone)} samples scored {stand_in:g}"
        filled = np.concatenate([scores, np.full(len(missing_labels), stand_in)])
        value = None if reason else float(area(steps_of(everyone, filled))[0])
        figures[f"{level}_auc_missing_as_{name}"] = Figure(value, text, reason, higher_is_better=True)
    return figures
