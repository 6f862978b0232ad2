"""What a comparison is asked, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.breakdown import Breakdown
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers
from deepfakebench_ext.metrics.pairs import Pair
from deepfakebench_ext.report.scores.score_files import ScoreFile


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What is compared.

    Attributes:
        level: What one score stands for; None for videos where all files have them, else what their rows are.
        aggregation: The rule by which frames or clips come to the score of a video; None for each run's own.
        by: Columns to break the AUC down by; None for `DEFAULT_BY`.
        bootstrap: How intervals are drawn that have no closed formula; None for closed formulas only.
        names: What to call the detectors, in the order of the files; empty for their titles.
    """

    level: Level | None = None
    aggregation: str | None = None
    by: tuple[str, ...] | None = None
    bootstrap: Bootstrap | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One of the detectors that are compared.

    Attributes:
        name: What to call it; no other has this name.
        file: Where its scores are from.
        aggregation: The rule by which its videos have scores; None where videos were not made here.
        counts: Of all its samples at the level that is compared.
        left_out: Those of its samples that are not compared.
        unscored: Those samples of all files that it could not score.
        scores: float64 (N,): P(fake) of the samples that are compared.
        unit_rows: intp (N,): the row of each in `file.table`; of a video, its first.
        figures: Name with its level to figure.
        breakdowns: One a column, the same columns and groups for all detectors.
    """

    name: str
    file: ScoreFile
    aggregation: str | None
    counts: Counts
    left_out: int
    unscored: int
    scores: Floats = field(repr=False)
    unit_rows: NDArray[np.intp] = field(repr=False)
    figures: Mapping[str, Figure] = field(repr=False)
    breakdowns: tuple[Breakdown, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Several detectors on the same samples.

    Attributes:
        level: What one score stands for.
        keys: (N) Identities of the samples that all scored.
        labels: int64 (N,): 0 real, 1 fake.
        in_all: Samples that are in every file, scored or not.
        detectors: Two or more, in the order given.
        pairs: Every pair of them.
        no_pairs: Why there are no pairs; empty where there are.
        clustered: Whether variances take the frames or clips of one video together.
        warnings: Where a figure would mislead.
        bootstrap: How intervals were drawn.
    """

    level: Level
    keys: tuple[str, ...] = field(repr=False)
    labels: Integers = field(repr=False)
    in_all: int
    detectors: tuple[Compared, ...]
    pairs: tuple[Pair, ...]
    no_pairs: str
    clustered: bool
    warnings: tuple[Notice, ...]
    bootstrap: Bootstrap | None

    @property
    def scores(self) -> Floats:
        """float64 (D, N): P(fake) by each detector of each sample."""
        return np.stack([detector.scores for detector in self.detectors])
