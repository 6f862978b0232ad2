"""From the scores of a video's frames or clips to the score of the video: named rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import AGGREGATIONS
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.logits import to_logits, to_scores

Rule = Callable[[NDArray[np.float64]], float]


def aggregation_rule(name: str) -> Rule:
    """Return the rule called `name`: scores (N,), N >= 1, each P(fake) in [0, 1], to one score in [0, 1].

    - `mean`, `median`, `max`: of the scores.
    - `topk:K`: the mean of the K highest, of all where there are fewer.
    - `logit_mean`: the sigmoid of the mean of the logits, so that confident frames weigh more.

    Raises:
        ConfigError: No such rule; the message lists them.
    """
    simple: dict[str, Rule] = {"mean": _mean, "median": _median, "max": _max, "logit_mean": _logit_mean}
    if name in simple:
        return simple[name]
    if match := re.fullmatch(r"topk:([1-9]\d*)", name):
        count = int(match[1])
        return lambda scores: _mean(np.sort(scores)[-count:])
    raise ConfigError(f"--aggregation {name!r} is not known; allowed are {', '.join(AGGREGATIONS)}, such as topk:5")


def _mean(scores: NDArray[np.float64]) -> float:
    return float(np.clip(scores.mean(), 0.0, 1.0))


def _median(scores: NDArray[np.float64]) -> float:
    return float(np.median(scores))


def _max(scores: NDArray[np.float64]) -> float:
    return float(scores.max())


def _logit_mean(scores: NDArray[np.float64]) -> float:
    return float(to_scores(np.array(to_logits(scores).mean())))
