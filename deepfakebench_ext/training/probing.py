"""A linear probe: the head fitted in closed form on a frozen backbone's features, in minutes. The row to beat."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch

from deepfakebench_ext.common.atomic_files import atomic_binary_writer
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.run_names import BEST
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine.predictor import compute, default_batch_size
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.training.fine_tuning import FineTuning
from deepfakebench_ext.training.loop.trainer import Position
from deepfakebench_ext.training.loop.validation import Validated
from deepfakebench_ext.training.outcome import FineTuned

logger = logging.getLogger(__name__)

FEATURES = "features.npz"
# From features all but ignored to all but unregularised.
STRENGTHS = tuple(10.0**power for power in range(-4, 4))
_MAX_ITERATIONS = 5000
_HARDLY_VARIES = 1e-12

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the backbone says of the frames or clips of samples.

    Attributes:
        matrix: float32 (N, D), one row a prediction whose status is `ok`.
        predictions: Of all of them, in the order of the samples, without scores.
    """

    matrix: npt.NDArray[np.float32]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A linear classifier: P(fake) is the sigmoid of `features @ weight + bias`.

    Attributes:
        weight: float64 (D,).
        bias: Its offset.
        strength: scikit-learn's C, chosen on the validation samples.
    """

    weight: Matrix
    bias: float
    strength: float

    def logits(self, features: npt.NDArray[np.float32]) -> Matrix:
        """Return (N,) for features (N, D)."""
        return np.asarray(features.astype(np.float64) @ self.weight + self.bias)


def probe(tuning: FineTuning, folder: Path, *, record: Mapping[str, Any] | None = None) -> FineTuned:
    """Fit the head of a detector and write what a training writes.

    Args:
        tuning: Of mode `head`. Frames and clips are the evenly spread ones of validation, without augmentation.
        folder: The run's; features that lie there from the same settings are not computed again.
        record: Further facts for `run.json`.

    Raises:
        ConfigError: A head that is not of two logits, or a recipe that a closed form cannot follow.
        ModelError: Features that are not finite; names the samples.
        OutputError: Something cannot be written.
    """
    _check(tuning)
    with tuning.opened(folder, record, how="probe"):
        train, val = _cached(tuning, folder / FEATURES)
        line, validated = _best_line(tuning, train, val)
        _set_head(tuning.detector, line)
        if tuning.processes.is_main:
            tuning.save(folder / BEST)
        detector, checked = tuning.check_files(folder / BEST, validated.value, validated.loss)
    logger.info(
        "linear probe on %d rows: C = %g did best, of %d that were tried",
        len(train.matrix),
        line.strength,
        len(STRENGTHS),
    )
    figures = {name: figure.value for name, figure in checked.figures.items()}
    position = Position(best=checked.value, best_epoch=0, best_figures=figures)
    unreadable = dict.fromkeys(p.key for p in train.predictions if p.status not in ("ok", "no_face"))
    faceless = dict.fromkeys(p.key for p in train.predictions if p.faceless)
    lost = tuple(unreadable), tuple(faceless)
    said = _said(tuning, line), _at_the_edge(line.strength)
    return FineTuned(folder, folder / BEST, position, detector, checked, *lost, *said)


def _at_the_edge(strength: float) -> tuple[Notice, ...]:
    """Say of a best strength that has no neighbour on one side that the best of all may lie beyond it."""
    beyond = {STRENGTHS[0]: "a smaller", STRENGTHS[-1]: "a larger"}
    if strength not in beyond:
        return ()
    text = (
        f"the linear probe did best with C = {strength:g}, at the edge of what was tried ({STRENGTHS[0]:g} to "
        f"{STRENGTHS[-1]:g}): {beyond[strength]} one might do better"
    )
    return (Notice("at_the_edge", text),)


def _said(tuning: FineTuning, line: Line) -> dict[str, Any]:
    """What a reader needs to fit the same line."""
    return {
        "fit": "logistic regression on standardised features of the frozen backbone, by scikit-learn",
        "C": line.strength,
        "C tried": list(STRENGTHS),
        "class_weight": "balanced" if tuning.recipe.training.balance != "none" else None,
        "l2_normalise": tuning.detector.settings.l2_normalise,
    }


def _check(tuning: FineTuning) -> None:
    head, order = tuning.detector.head, tuning.detector.report.label_order
    if not isinstance(head, torch.nn.Linear) or order.num_logits != 2 or len(order.fake) != 1:
        raise ConfigError("--probe fits a linear head of two logits; set new_head: true in the detector YAML")
    if tuning.recipe.training.self_blend:
        raise ConfigError("--probe takes the samples as they are; leave training.self_blend out")
    if tuning.recipe.tuning.mode != "head":
        raise ConfigError(f"--probe trains the head alone; tuning.mode is {tuning.recipe.tuning.mode}, set it to head")


def fit_line(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], strength: float, *, balanced: bool
) -> Line:
    """Return the logistic regression on standardised features, said in terms of the features as they are."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values = features.astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread < _HARDLY_VARIES] = 1.0
    model = LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS, class_weight="balanced" if balanced else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the strength is chosen by what it does, converged or not
        model.fit((values - mean) / spread, labels)
    weight = model.coef_[0] / spread
    return Line(weight, float(model.intercept_[0] - weight @ mean), strength)


def _best_line(tuning: FineTuning, train: Features, val: Features) -> tuple[Line, Validated]:
    labels = _labels(tuning.inputs.train, train)
    balanced = tuning.recipe.training.balance != "none"
    found: list[tuple[float, Line, Validated]] = []
    for strength in STRENGTHS:
        line = fit_line(train.matrix, labels, strength, balanced=balanced)
        validated = tuning.validator.judge(_scored(val, line))
        good = validated.value if tuning.validator.higher_is_better else -validated.value
        found.append((good, line, validated))
    _, line, validated = max(found, key=lambda each: each[0])  # of equals the most regularised
    return line, validated


def _scored(features: Features, line: Line) -> list[Prediction]:
    scores = iter(torch.sigmoid(torch.from_numpy(line.logits(features.matrix))).tolist())
    return [replace(p, score=next(scores)) if p.status == "ok" else p for p in features.predictions]


def _labels(samples: Sequence[Sample], features: Features) -> npt.NDArray[np.int64]:
    known = {sample.key: sample.label for sample in samples}
    return np.array([known[p.key] for p in features.predictions if p.status == "ok"], np.int64)


@torch.no_grad()
def _set_head(detector: Detector, line: Line) -> None:
    """Let the two logits be plus and minus half of the line's, the fake one plus."""
    head: Any = detector.head
    fake = detector.report.label_order.fake[0]
    for index in range(2):
        half = 0.5 if index == fake else -0.5
        head.weight[index] = torch.from_numpy(half * line.weight)
        head.bias[index] = half * line.bias


def _cached(tuning: FineTuning, path: Path) -> tuple[Features, Features]:
    identity = fingerprint(tuning.identity())
    try:
        with regular(path).open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            if str(held["identity"]) == identity:
                return _unpacked(held, "train"), _unpacked(held, "val")
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        logger.warning("%s is damaged (%s): features are computed anew", path, error)
    sides = {name: _extracted(tuning, samples) for name, samples in _sides(tuning)}
    if tuning.processes.is_main:
        packed = {key: value for name, side in sides.items() for key, value in _packed(side, name).items()}
        with atomic_binary_writer(path) as file:
            np.savez(file, identity=np.array(identity), **packed)
    return sides["train"], sides["val"]


def _sides(tuning: FineTuning) -> Iterator[tuple[str, Sequence[Sample]]]:
    yield "train", tuning.inputs.train
    yield "val", tuning.inputs.val


def _extracted(tuning: FineTuning, samples: Sequence[Sample]) -> Features:
    detector, own = tuning.detector, tuning.processes.share(samples)
    detector.eval()
    rows: list[npt.NDArray[np.float32]] = []
    predictions: list[Prediction] = []
    batch_size, reader = default_batch_size(detector), tuning.validator.reader
    forward = partial(detector.rows, output="features")
    for units, features in compute(forward, reader, own, "features", batch_size=batch_size, workers=tuning.workers):
        predictions += [unit.prediction for unit in units]
        rows += [features.astype(np.float32, copy=False)] if len(features) else []
    parts = tuning.processes.gather([(rows, predictions)])
    matrices = [matrix for own_rows, _ in parts for matrix in own_rows]
    if not matrices:
        raise ConfigError(f"not one of {len(samples)} samples could be read")
    return Features(np.concatenate(matrices), tuple(p for _, own_predictions in parts for p in own_predictions))


def _packed(features: Features, name: str) -> dict[str, Any]:
    lines = json.dumps([asdict(prediction) for prediction in features.predictions])
    return {f"{name}_matrix": features.matrix, f"{name}_predictions": np.array(lines)}


def _unpacked(held: Mapping[str, Any], name: str) -> Features:
    predictions = json.loads(str(held[f"{name}_predictions"]))
    return Features(held[f"{name}_matrix"], tuple(map(Prediction.from_json, predictions)))
