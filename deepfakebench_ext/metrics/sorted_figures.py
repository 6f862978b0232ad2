"""The figures of more samples than fit into memory, from their scores in falling order, piece by piece. Pure.

Counts are whole numbers throughout, so that AUC, EER, the rates and the decisions are those of all samples at once to
the last bit; what sums floats (AP, partial AUC, Brier score, log loss, ECE, the AUC's variance) is so to 1e-12.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.metrics.bootstrap import UNASKED
from deepfakebench_ext.metrics.delong import Interval, interval_of, proportion_interval
from deepfakebench_ext.metrics.detailed import (
    FPR_AT_TPR,
    OPERATING_DEFINITIONS,
    PARTIAL_AUC,
    PARTIAL_LIMIT,
    TPR_AT_FPR,
    TRUE_POSITIVE_RATE,
    definitions,
    figure_of,
)
from deepfakebench_ext.metrics.figure import Figure, Floats, missing_class_reason
from deepfakebench_ext.metrics.logits import SMALLEST
from deepfakebench_ext.metrics.missing_scores import STAND_INS
from deepfakebench_ext.metrics.probability_errors import BINS
from deepfakebench_ext.metrics.ranking import DEFINITIONS as CORE_DEFINITIONS
from deepfakebench_ext.metrics.steps import ROUNDING, Steps, Tally
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, decision_counts, decision_values

CLUSTERED = "none: frames and clips of a video are alike, and so many are not held to be added up by video"


class SortedFigures:
    """Figures as the scores go by, from the highest to the lowest."""

    def __init__(self, reals: int, fakes: int) -> None:
        """Say how many samples of each class there are in all."""
        self._reals, self._fakes = reals, fakes
        self._alarms = self._hits = 0
        self._twice_area = 0
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._allowed = {name: math.floor(rate * reals + ROUNDING) for name, rate in TPR_AT_FPR.items()}
        self._rates: dict[str, float] = dict.fromkeys(TPR_AT_FPR, 0.0)
        self._eer: tuple[float, float] | None = None
        self._above = {value: (0, 0) for value in STAND_INS.values()}
        self._at = dict(self._above)
        self._bins = {name: np.zeros(BINS) for name in ("ece_equal_width", "ece_equal_mass")}

    def add(self, scores: Floats, reals: Tally, fakes: Tally) -> None:
        """Take the next scores.

        Args:
            scores: float64 (K,), distinct, falling, below all that came before.
            reals: int64 (K,): how many reals have each score.
            fakes: int64 (K,): how many fakes.
        """
        if not len(scores):
            return
        alarms = self._alarms + np.concatenate([[0], np.cumsum(reals)])
        hits = self._hits + np.concatenate([[0], np.cumsum(fakes)])
        self._add_counts(scores, reals, fakes, alarms, hits)
        self._add_errors(scores, reals, fakes, alarms, hits)
        if self._reals and self._fakes:
            self._add_areas(reals, fakes, alarms, hits)
            self._add_rates(scores, alarms, hits)
        self._alarms, self._hits = int(alarms[-1]), int(hits[-1])

    def _add_counts(self, scores: Floats, reals: Tally, fakes: Tally, alarms: Tally, hits: Tally) -> None:
        for value in self._above:
            last = int(np.count_nonzero(scores > value))
            if last:
                self._above[value] = int(alarms[last]), int(hits[last])
            if last < len(scores) and scores[last] == value:
                self._at[value] = int(reals[last]), int(fakes[last])

    def _add_errors(self, scores: Floats, reals: Tally, fakes: Tally, alarms: Tally, hits: Tally) -> None:
        inside = np.clip(scores, SMALLEST, 1 - SMALLEST)
        self._sums["brier"] += float(fakes @ (1 - scores) ** 2 + reals @ scores**2)
        self._sums["log_loss"] -= float(fakes @ np.log(inside) + reals @ np.log1p(-inside))
        apart = (fakes + reals) * scores - fakes
        middle = (alarms[1:] + hits[1:] + alarms[:-1] + hits[:-1]) / 2
        by_mass = BINS - 1 - (middle * BINS / (self._reals + self._fakes)).astype(np.intp)
        by_width = np.minimum((scores * BINS).astype(np.intp), BINS - 1)
        for name, places in (("ece_equal_width", by_width), ("ece_equal_mass", by_mass)):
            self._bins[name] += np.bincount(places, apart, BINS)

    def _add_areas(self, reals: Tally, fakes: Tally, alarms: Tally, hits: Tally) -> None:
        self._twice_area += int(np.sum(reals * (hits[1:] + hits[:-1])))
        self._sums["ap"] += float(np.sum(fakes * (hits[1:] / np.maximum(hits[1:] + alarms[1:], 1))))
        width = np.diff(np.minimum(alarms, PARTIAL_LIMIT * self._reals))
        share = width / np.maximum(reals, 1)
        self._sums["partial"] += float(np.sum(width * (hits[:-1] + fakes * share / 2)))
        # The share of the other class that a sample is ranked rightly against, ties counted half.
        fake_wins = 1 - (alarms[1:] + alarms[:-1]) / (2 * self._reals)
        real_wins = (hits[1:] + hits[:-1]) / (2 * self._fakes)
        self._sums["fake_squares"] += float(np.sum(fakes * fake_wins**2))
        self._sums["real_squares"] += float(np.sum(reals * real_wins**2))

    def _add_rates(self, scores: Floats, alarms: Tally, hits: Tally) -> None:
        for name, allowed in self._allowed.items():
            last = int(np.count_nonzero(alarms <= allowed)) - 1
            if last >= 0:
                self._rates[name] = float(hits[last] / self._fakes)
        needed = math.ceil(TRUE_POSITIVE_RATE * self._fakes - ROUNDING)
        if self._hits < needed <= hits[-1]:
            self._rates[FPR_AT_TPR] = float(alarms[np.argmax(hits >= needed)] / self._reals)
        gap = alarms * self._fakes - (self._fakes - hits) * self._reals
        if self._eer is None and gap[-1] >= 0:
            end = int(np.argmax(gap >= 0))
            along = -gap[end - 1] / (gap[end] - gap[end - 1])
            rate = (alarms[end - 1] + along * (alarms[end] - alarms[end - 1])) / self._reals
            self._eer = float(rate), float(scores[end - 1])

    def figures(self, level: Level, *, is_clustered: bool) -> dict[str, Figure]:
        """Return every figure, once all scores were taken: the names and definitions of `detailed_figures`.

        Args:
            level: What a sample is.
            is_clustered: Whether samples are of videos; then those intervals are left out that would need them.
        """
        values = self._values()
        intervals = {"eer_threshold": Interval(None, None, "none: a threshold, not a measure")}
        if is_clustered:
            intervals["auc"] = Interval(None, None, CLUSTERED)
        else:
            counts = decision_counts(self._decided(), DECISION_THRESHOLD)
            intervals |= {
                name: proportion_interval(*count) for name, count in counts.items() if not isinstance(values[name], str)
            }
            if not isinstance(auc := values["auc"], str):
                intervals["auc"] = self._auc_interval(auc)
        return {
            f"{level}_{name}": figure_of(name, text, values[name], intervals.get(name, UNASKED))
            for name, text in definitions().items()
        }

    def auc_if_missing(self, level: Level, reals: int, fakes: int) -> dict[str, Figure]:
        """Return what `auc_with_missing` says of so many samples without a score."""
        everyone = self._reals + self._fakes + reals + fakes
        reason, found = missing_class_reason(self._reals + reals, self._fakes + fakes), {}
        for name, value in STAND_INS.items():
            (alarms, hits), (real_ties, fake_ties) = self._above[value], self._at[value]
            wins = reals * (2 * hits + fake_ties) + fakes * (2 * (self._reals - alarms - real_ties) + real_ties)
            twice = self._twice_area + wins + reals * fakes
            text = f"AUC with the {reals + fakes} missing of {everyone} samples scored {value:g}"
            area = None if reason else twice / (2 * (self._reals + reals) * (self._fakes + fakes))
            found[f"{level}_auc_missing_as_{name}"] = Figure(area, text, reason, higher_is_better=True)
        return found

    def _values(self) -> dict[str, float | str]:
        total, one_class = self._reals + self._fakes, missing_class_reason(self._reals, self._fakes)
        values: dict[str, float | str] = dict.fromkeys((*CORE_DEFINITIONS, *OPERATING_DEFINITIONS), one_class)
        if total:
            errors = {name: float(np.abs(sums).sum()) / total for name, sums in self._bins.items()}
            values |= {"brier": self._sums["brier"] / total, "log_loss": self._sums["log_loss"] / total, **errors}
        else:
            values |= dict.fromkeys(("brier", "log_loss", *self._bins), one_class)
        if not one_class:
            rate, threshold = self._eer or (math.nan, math.nan)
            raw, chance = self._sums["partial"] / (self._reals * self._fakes), PARTIAL_LIMIT**2 / 2
            values |= {
                "auc": self._twice_area / (2 * self._fakes * self._reals),
                "ap": self._sums["ap"] / self._fakes,
                "eer": rate,
                "eer_threshold": threshold,
                PARTIAL_AUC: 0.5 * (1 + (raw - chance) / (PARTIAL_LIMIT - chance)),
                **self._rates,
            }
        return values | decision_values(self._decided(), DECISION_THRESHOLD, one_class)

    def _decided(self) -> Steps:
        """The steps at 0.5 alone."""
        alarms, hits = self._above[DECISION_THRESHOLD]
        counts = (np.array([[0, above, every]]) for above, every in ((hits, self._fakes), (alarms, self._reals)))
        return Steps(np.array([np.inf, 1.0, 0.0]), *counts)

    def _auc_interval(self, auc: float) -> Interval:
        if min(self._reals, self._fakes) < 2:
            return interval_of(auc, math.nan, 0, is_clustered=False)
        variance = 0.0
        for name, size in (("fake_squares", self._fakes), ("real_squares", self._reals)):
            variance += (self._sums[name] / size - auc**2) / (size - 1)
        return interval_of(auc, max(variance, 0.0), min(self._reals, self._fakes), is_clustered=False)


def unpacked(numbers: NDArray[np.uint64], counts: Tally) -> tuple[Floats, Tally, Tally]:
    """Return distinct scores, falling, and their numbers of reals and of fakes, of distinct rising `packed` numbers."""
    bits = numbers >> np.uint64(1)
    starts = np.flatnonzero(np.concatenate([[True], bits[1:] != bits[:-1]])) if len(bits) else np.empty(0, np.intp)
    fakes = counts * (numbers & np.uint64(1)).astype(np.int64)
    all_, fake = (np.add.reduceat(each, starts) if len(starts) else each for each in (counts, fakes))
    return bits[starts][::-1].view(np.float64), (all_ - fake)[::-1], fake[::-1]
