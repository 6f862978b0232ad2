"""How many samples a result rests on: what was scored, of which class, and what was not. Pure."""

from __future__ import annotations

from dataclasses import dataclass


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
