"""Every figure of one set of scores, with its 95 % interval. Pure.

A superset of `ranking.binary_figures`: the same names and values. Intervals are closed formulas where there is one that
holds (AUC; shares of independent samples), else a seeded bootstrap. Frames and clips of one video are alike, and taking
them for independent makes intervals several times too narrow: with `clusters` no interval does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.wording import counted, percent, rounded
from deepfakebench_ext.metrics.bootstrap import (
    UNASKED,
    Bootstrap,
    logit_interval,
    percentile_interval,
    resampled,
    squared_interval,
)
from deepfakebench_ext.metrics.delong import Interval, auc_interval, proportion_interval
from deepfakebench_ext.metrics.figure import (
    Figure,
    Floats,
    Integers,
    check_arrays,
    check_clusters,
    check_level,
    class_size,
    distinct,
    one_class_reason,
)
from deepfakebench_ext.metrics.probability_errors import DEFINITIONS as PROBABILITY_DEFINITIONS
from deepfakebench_ext.metrics.probability_errors import Bins, bins, probability_errors
from deepfakebench_ext.metrics.ranking import DEFINITIONS as CORE_DEFINITIONS
from deepfakebench_ext.metrics.ranking import HIGHER_IS_BETTER, ranking_values
from deepfakebench_ext.metrics.steps import (
    ROUNDING,
    Steps,
    alarm_rate_at,
    area,
    average_precision,
    equal_error,
    hit_rate_at,
    partial_area,
    steps_of,
)
from deepfakebench_ext.metrics.thresholds import (
    DECISION_NAMES,
    DECISION_THRESHOLD,
    Threshold,
    decision_counts,
    decision_rates,
    decision_values,
)

FALSE_POSITIVE_RATES = (0.001, 0.01, 0.05)
TRUE_POSITIVE_RATE = 0.95
PARTIAL_LIMIT = 0.1
PARTIAL_AUC, FPR_AT_TPR = f"partial_auc_mcclish_fpr_{PARTIAL_LIMIT}", f"fpr_at_tpr_{TRUE_POSITIVE_RATE}"
TPR_AT_FPR = {f"tpr_at_fpr_{rate}": rate for rate in FALSE_POSITIVE_RATES}
GIVEN = "_at_threshold"
NEAR = 0.1
"""An AUC is near 0 or 1 where it is no farther from it."""

OPERATING_DEFINITIONS: dict[str, str] = {
    "balanced_accuracy": "mean of the shares of fakes and of reals decided rightly, where a score > 0.5 is fake",
    **{
        name: f"highest share of fakes found by a threshold with at most {rate:.1%} of reals called fake, "
        "not interpolated"
        for name, rate in TPR_AT_FPR.items()
    },
    FPR_AT_TPR: f"lowest share of reals called fake by a threshold that finds at least {TRUE_POSITIVE_RATE:.0%} of "
    "fakes, not interpolated",
    PARTIAL_AUC: f"area under the ROC curve where FPR <= {PARTIAL_LIMIT}, standardised after McClish: 0.5 is chance, "
    "1 perfect",
}
_LOWER_IS_BETTER = {*PROBABILITY_DEFINITIONS, FPR_AT_TPR}


def detailed_figures(
    labels: Integers,
    scores: Floats,
    *,
    level: Level,
    clusters: Integers | None = None,
    threshold: Threshold | None = None,
    bootstrap: Bootstrap | None = None,
) -> dict[str, Figure]:
    """Every figure under names such as `video_auc`; `definitions` lists them.

    The order of the samples changes nothing, but for the rounding of the AUC's interval. Undefined are: everything
    without a sample; with one class only, everything but accuracy, the errors of probabilities, and recall where all
    are fake; precision where nothing is called fake.

    Args:
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1].
        level: What one row stands for.
        clusters: Integers (N,): the video that a frame or clip is from; None where every row stands alone.
        threshold: A second threshold, chosen on other samples; adds `{level}_accuracy_at_threshold` and so on.
        bootstrap: How to draw for the intervals that need it; None for closed formulas only, fit for a million rows.

    Raises:
        ValueError: Arrays of another type or shape, or a value outside its range (says which and where).
    """
    check_arrays(labels, scores)
    check_level(level)
    if clusters is not None:
        check_clusters(clusters, labels)
        clusters = None if distinct(clusters) == len(labels) else clusters
    steps, one_class = steps_of(labels, scores), one_class_reason(labels)
    values = _values(steps, one_class, threshold)
    intervals = _intervals(labels, scores, clusters, steps, values, threshold, bootstrap or Bootstrap(0))
    warnings = _few_samples(steps) | _narrow_interval(labels, clusters, values["auc"], intervals.get("auc", UNASKED))
    return {
        f"{level}_{name}": figure_of(name, text, values[name], intervals.get(name, UNASKED), warnings.get(name, ""))
        for name, text in definitions(threshold).items()
    }


def definitions(threshold: Threshold | None = None) -> dict[str, str]:
    """Name without level -> definition of everything that `detailed_figures` gives, in its order."""
    at_half = {**CORE_DEFINITIONS, **OPERATING_DEFINITIONS, **PROBABILITY_DEFINITIONS}
    if threshold is None:
        return at_half
    where = f"> {rounded(threshold.value, 6, 'g')} ({threshold.source})"
    return {**at_half, **{f"{name}{GIVEN}": at_half[name].replace("> 0.5", where) for name in DECISION_NAMES}}


def higher_is_better(name: str) -> bool | None:
    """Which way a figure is good, by its name without level; None for `eer_threshold`, which has no good side."""
    return HIGHER_IS_BETTER.get(name, name not in _LOWER_IS_BETTER)


def _values(steps: Steps, one_class: str, threshold: Threshold | None) -> dict[str, float | str]:
    empty = not steps.hits[0, -1] + steps.alarms[0, -1]
    errors = {} if empty else probability_errors(steps, bins(steps))
    values = {
        **ranking_values(steps, one_class),
        **dict.fromkeys((*OPERATING_DEFINITIONS, *PROBABILITY_DEFINITIONS), one_class),
        **{name: float(value[0]) for name, value in errors.items()},
        **({} if one_class else {name: float(value[0]) for name, value in _operating(steps).items()}),
        **decision_values(steps, DECISION_THRESHOLD, one_class),
    }
    if threshold is not None:
        given = decision_values(steps, threshold.value, one_class)
        values |= {f"{name}{GIVEN}": value for name, value in given.items()}
    return values


def _operating(steps: Steps) -> dict[str, Floats]:
    return {
        **{name: hit_rate_at(steps, rate) for name, rate in TPR_AT_FPR.items()},
        FPR_AT_TPR: alarm_rate_at(steps, TRUE_POSITIVE_RATE),
        PARTIAL_AUC: partial_area(steps, PARTIAL_LIMIT),
    }


def _rows(steps: Steps, *, edges: Bins, both_classes: bool, threshold: Threshold | None) -> dict[str, Floats]:
    """Everything that has a bootstrap interval, for every row of `steps`."""
    rows = {**decision_rates(steps, DECISION_THRESHOLD), **probability_errors(steps, edges)}
    if threshold is not None:
        rows |= {f"{name}{GIVEN}": value for name, value in decision_rates(steps, threshold.value).items()}
    if both_classes:
        rows |= _operating(steps) | {
            "auc": area(steps),
            "ap": average_precision(steps),
            "eer": equal_error(steps)[0],
        }
    return rows


def _intervals(
    labels: Integers,
    scores: Floats,
    clusters: Integers | None,
    steps: Steps,
    values: dict[str, float | str],
    threshold: Threshold | None,
    bootstrap: Bootstrap,
) -> dict[str, Interval]:
    """Interval by name, of the figures that have a value and whose interval was asked for."""
    intervals = {"eer_threshold": Interval(None, None, "none: a threshold, not a measure")}
    numbers = {name: value for name, value in values.items() if not isinstance(value, str)}
    if bootstrap.resamples and len(labels):
        edges, both = bins(steps), "auc" in numbers
        rows = partial(_rows, edges=edges, both_classes=both, threshold=threshold)
        draws = resampled(labels, scores, clusters, settings=bootstrap, values=rows)
        intervals |= _bootstrapped(numbers, draws, labels, clusters, bootstrap)
    if "auc" in numbers:
        intervals["auc"] = auc_interval(labels, scores, clusters)
    return intervals if clusters is not None else intervals | _shares(numbers, steps, threshold)


def _bootstrapped(
    numbers: dict[str, float],
    draws: dict[str, Floats],
    labels: Integers,
    clusters: Integers | None,
    settings: Bootstrap,
) -> dict[str, Interval]:
    by_video = ", clustered by video" if clusters is not None else ""
    method = f"bootstrap ({settings.resamples} resamples, seed {settings.seed}), stratified by class{by_video}"
    sizes = [class_size(labels, label, clusters) for label in (REAL, FAKE)]
    leaning = partial(logit_interval, smaller=min(videos for _, videos in sizes))
    pairs, fakes = max(sizes[REAL][0] * sizes[FAKE][0], 1), sizes[FAKE][0]
    kinds: dict[str, Callable[[float, Floats, str], Interval]] = {
        "ap": partial(leaning, nearest=1 / (2 * fakes * (fakes + 1) + 1)),
        PARTIAL_AUC: partial(leaning, nearest=min(1 / (4 * PARTIAL_LIMIT * pairs), 0.25)),
        **dict.fromkeys(("ece_equal_width", "ece_equal_mass"), squared_interval),
    }
    return {
        name: kinds.get(name, percentile_interval)(numbers[name], drawn, method)
        for name, drawn in draws.items()
        if name in numbers
    }


def _shares(numbers: dict[str, float], steps: Steps, threshold: Threshold | None) -> dict[str, Interval]:
    counts = decision_counts(steps, DECISION_THRESHOLD)
    if threshold is not None:
        counts |= {f"{name}{GIVEN}": count for name, count in decision_counts(steps, threshold.value).items()}
    return {name: proportion_interval(*count) for name, count in counts.items() if name in numbers}


def _few_samples(steps: Steps) -> dict[str, str]:
    """Warnings for rates that the samples are too few to tell from 0 or 1, by name."""
    fakes, reals = int(steps.fakes[0]), int(steps.reals[0])
    warnings = {
        name: f"{counted(reals, 'real')} cannot show an FPR of {rate:.1%}: at most {rate * reals:.2g} of them may be "
        f"called fake, so the figure hangs on the highest real; it takes {round(1 / rate)}"
        for name, rate in TPR_AT_FPR.items()
        if rate * reals < 1
    }
    warnings |= {
        name: text for name, rate in TPR_AT_FPR.items() if name not in warnings and (text := _gap(steps, rate))
    }
    if (1 - TRUE_POSITIVE_RATE) * fakes < 1:
        warnings[FPR_AT_TPR] = f"{counted(fakes, 'fake')} cannot show a TPR of 95%: all must be found; it takes 20"
    return warnings


def _gap(steps: Steps, rate: float) -> str:
    """Why the TPR at an FPR is that at a far lower one: the reals at the next threshold are too many; empty if not."""
    alarms = steps.alarms[0]
    reached = int(np.searchsorted(alarms, rate * alarms[-1] + ROUNDING, side="right")) - 1
    if reached == len(alarms) - 1 or alarms[reached] > rate * alarms[-1] / 2:
        return ""
    low, high = alarms[reached] / alarms[-1], alarms[reached + 1] / alarms[-1]
    return (
        f"{int(alarms[reached + 1] - alarms[reached])} reals share a score, so that no threshold has an FPR between "
        f"{percent(low)} and {percent(high)}: the figure is that at {percent(low)}"
    )


def _narrow_interval(
    labels: Integers, clusters: Integers | None, auc: float | str, interval: Interval
) -> dict[str, str]:
    """A warning for an AUC so near 0 or 1 that about one sample of the smaller class, or none, is ranked wrongly.

    Of few samples an AUC between them has no such warning: that the samples are few is said for all figures.
    """
    if isinstance(auc, str) or auc in (0.0, 1.0) or interval.low is None or min(auc, 1 - auc) >= NEAR:
        return {}
    smaller = min(class_size(labels, label, clusters)[1] for label in (0, 1))
    if smaller * min(auc, 1 - auc) >= 1:
        return {}
    of = "samples" if clusters is None else "videos"
    return {
        "auc": f"the interval is somewhat too narrow: with {smaller} {of} of a class and an AUC so near {round(auc)}, "
        "such intervals held the truth in 86 to 94 % of simulated draws instead of 95 %"
    }


def figure_of(name: str, text: str, value: float | str, interval: Interval, warning: str = "") -> Figure:
    """Return a figure of `definitions` by its name without level, its definition, and its value or why it has none."""
    better = higher_is_better(name.removesuffix(GIVEN))
    if isinstance(value, str):
        return Figure(None, text, value, higher_is_better=better)
    return interval.figure(value, text, higher_is_better=better, warning=warning)
