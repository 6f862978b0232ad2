"""What is said of a detector whose head did not come from its weights."""

from __future__ import annotations

from deepfakebench_ext.common.types import WeightsReport

UNTRAINED = (
    "UNTRAINED HEAD: the classifier of this detector did not come from the weights ({source}); it is random "
    "(seed {seed}), so every score and figure below is noise. Give --weights a fine-tuned checkpoint."
)


def untrained_notice(report: WeightsReport, seed: int) -> str:
    """Return the warning that goes wherever scores of an untrained head go."""
    return UNTRAINED.format(source=report.source, seed=seed)
