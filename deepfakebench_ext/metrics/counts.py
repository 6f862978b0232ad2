"""How many samples a result rests on: what was scored, of which class, and what was not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepfakebench_ext.common.types import FAKE, REAL, Label


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of samples. `scored + not_scored == total` and `real + fake + unlabelled == scored`.

    Attributes:
        total: Every sample of the input.
        scored: Samples with a score.
        not_scored: Samples that could not be scored. No figure includes them.
        real: Scored samples labelled real.
        fake: Scored samples labelled fake.
        unlabelled: Scored samples without a label. They have a score, but no figure includes them.
    """

    total: int
    scored: int
    not_scored: int
    real: int
    fake: int
    unlabelled: int


def count_samples(labels: Sequence[Label | None], statuses: Sequence[str]) -> Counts:
    """Count samples by class and by whether they were scored.

    Args:
        labels: One label a sample: 0 real, 1 fake, None unknown.
        statuses: One status a sample, in the same order; `ok` means scored.

    Raises:
        ValueError: The lengths differ, or a label is something else.
    """
    if len(labels) != len(statuses):
        raise ValueError(f"{len(labels)} labels but {len(statuses)} statuses; give one of each a sample")
    for index, label in enumerate(labels):
        if label not in (REAL, FAKE, None):
            raise ValueError(f"labels[{index}] is {label!r}; allowed are 0 (real), 1 (fake) and None (unknown)")
    scored = [label for label, status in zip(labels, statuses, strict=True) if status == "ok"]
    return Counts(
        total=len(labels),
        scored=len(scored),
        not_scored=len(labels) - len(scored),
        real=sum(label == REAL for label in scored),
        fake=sum(label == FAKE for label in scored),
        unlabelled=sum(label is None for label in scored),
    )
