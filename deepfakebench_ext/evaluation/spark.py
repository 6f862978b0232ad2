"""A function for Spark's `mapInPandas`: rows of paths in, the same rows with their scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine.file_inputs import file_reader
from deepfakebench_ext.engine.input_options import SamplingOptions
from deepfakebench_ext.engine.scorer import NetworkScorer
from deepfakebench_ext.metrics.aggregation import Rule, aggregation_rule
from deepfakebench_ext.models.options import DetectorOptions
from deepfakebench_ext.remote.typed import place

if TYPE_CHECKING:
    from pandas import DataFrame

_ADDED = ("score", "status", "reason")


def predict_udf(
    weights: str | None = None, *, column: str = "path", aggregation: str = "mean", **options: Any
) -> Callable[[Iterator[DataFrame]], Iterator[DataFrame]]:
    """Return what scores the images and videos that rows name; the detector is loaded once a worker of Spark's.

    Rows come back as they were, with `score` (P(fake) of an image, or of a video by `aggregation`; null where it has
    none), `status` and `reason`, as `evaluate` gives them.

    Example:
        >>> scored = "path string, label int, score double, status string, reason string"
        >>> rows.mapInPandas(predict_udf("/shared/w.pth", num_frames=16), scored)

    Args:
        weights: A path that all machines reach, or a hub id.
        column: What the column of paths or URLs is called.
        aggregation: As `evaluate`.
        options: Of `DetectorOptions`, such as `detector_config`, and of `SamplingOptions`, such as `num_frames`.

    Raises:
        ConfigError: Options that are not allowed.
        TypeError: Options that there are not.
    """
    rule = aggregation_rule(aggregation)
    sampling = {name: options.pop(name) for name in list(options) if name in SamplingOptions.__dataclass_fields__}
    detector, frames = DetectorOptions(weights=weights, **options), SamplingOptions(**sampling)

    def score(batches: Iterator[DataFrame]) -> Iterator[DataFrame]:
        for rows in batches:
            paths = [path if isinstance(path, str) else "" for path in rows[column]]  # else it is null
            samples = [Sample(str(number), str(place(path))) for number, path in enumerate(paths) if path]
            scorer = _scorer(detector, frames)
            found = scorer.predict(
                samples,
                batch_size=scorer.default_batch_size,
                workers=scorer.default_workers,
                skip=0,
                parts=[samples] if samples else [],
            )
            each = groupby((unit for units in found for unit in units), key=lambda unit: unit.key)
            scored = (_cells(list(units), rule) for _, units in each)
            cells = [next(scored) if path else (None, "unreadable", "the row names no path") for path in paths]
            yield rows.assign(**{name: [cell[at] for cell in cells] for at, name in enumerate(_ADDED)})

    return score


@lru_cache(maxsize=1)
def _scorer(options: DetectorOptions, sampling: SamplingOptions) -> NetworkScorer:
    detector = options.load(options.settings())
    return NetworkScorer(detector, file_reader(detector, sampling, None))


def _cells(units: list[Prediction], rule: Rule) -> tuple[float | None, str, str]:
    """Score, status and reason of an image or a video, of its frames or clips."""
    if scores := [unit.score for unit in units if unit.score is not None]:
        return rule(np.array(scores)), "ok", ""
    return None, units[0].status, units[0].reason
