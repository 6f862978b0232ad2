"""int8: a network quantised on some samples, and passed only where others, labelled, score as before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch

from deepfakebench_ext.common.atomic_files import new_folder
from deepfakebench_ext.common.digests import content_of
from deepfakebench_ext.common.errors import ConfigError, MissingExtraError, ModelError
from deepfakebench_ext.common.types import FAKE, REAL, Sample
from deepfakebench_ext.data.preprocess.transform import normalise
from deepfakebench_ext.data.readers.frames import files_of
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.metrics.pairs import compare_pairs
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.export import write_description
from deepfakebench_ext.models.export.formats import quiet, write_network
from deepfakebench_ext.models.export.parity import check, measure
from deepfakebench_ext.models.export.record import ARTEFACTS, INPUT, ExportRecord, Gate
from deepfakebench_ext.models.export.tracing import ScoringNetwork
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.models.runtimes.session import Array
from deepfakebench_ext.models.weights.source import DETECTOR_YAML

LARGEST_AUC_DIFFERENCE: Final = 0.002
LARGEST_SCORE_DIFFERENCE: Final = 0.05
FEWEST: Final = 20
"""Scored units of each class that the gate needs: with fewer it would pass anything."""
_MOST_FOR_CALIBRATION = 300
# What is tried, in this order, until one passes: how strongly SmoothQuant moves outliers from activations to weights,
# and whether the first and the last layer stay in float.
_TRIES: Final = (
    ("SmoothQuant", None, False),
    ("SmoothQuant 0.5", 0.5, False),
    ("SmoothQuant 0.5, ends in float", 0.5, True),
)
_MATMUL, _CONVOLUTION = "MatMul", "Convolution"


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the gate's samples: of those units that have one."""

    keys: tuple[tuple[str, int], ...]
    labels: Any
    scores: Any


def export_int8(
    detector: Detector, folder: Path, calibrated_on: Sequence[Sample], gated_on: Sequence[Sample]
) -> ExportRecord:
    """Write an OpenVINO network in int8 into a new folder, which appears when it passes the gate.

    Args:
        detector: In float32 on the CPU.
        folder: Absent or empty.
        calibrated_on: Samples, whose labels are not looked at.
        gated_on: Labelled ones, none of them among the others.

    Raises:
        ConfigError: The folder holds something, samples of both, or too few of the gate's.
        ModelError: No try passes; says by how much each fails.
        MissingExtraError: nncf, or what writes OpenVINO networks, is not installed.
        OutputError: It cannot be written.
    """
    check_disjoint(calibrated_on, gated_on)
    network, reader = ScoringNetwork(detector).eval(), make_reader(detector)
    tried: list[Gate] = []
    with new_folder(folder) as unfinished, TemporaryDirectory(dir=unfinished) as plain:
        before = scores_of(detector, reader, gated_on)
        _check_enough(before)
        inputs = calibration_inputs(detector, reader, calibrated_on)
        run = write_network(network, "openvino", Path(plain))
        check(measure(network, run, runtime="openvino"), detector.report.source)
        for how, model in quantised(Path(plain) / ARTEFACTS["openvino"][0], inputs):
            _save(model, unfinished)
            write_description(detector, unfinished, "openvino", (), is_int8=True)
            int8 = load_detector(unfinished / DETECTOR_YAML, str(unfinished), device="cpu")
            after = scores_of(int8, make_reader(int8), gated_on)
            tried.append(gate(before, after, int8.computing["dtype"], how))
            if passes(tried[-1]):
                parity = measure(network, _run(int8), runtime="openvino", precision=int8.computing["dtype"])
                return write_description(detector, unfinished, "openvino", [parity], is_int8=True, gate=tried[-1])
        raise refusal(detector.report.source, tried)


def _run(detector: Detector) -> Callable[[Array], Array]:
    return lambda image: detector({INPUT: torch.from_numpy(image)})["cls"].numpy()


def _save(model: Any, folder: Path) -> None:
    """Write a model anew: what stood there may still be mapped by whoever opened it."""
    for name in ARTEFACTS["openvino"]:
        (folder / name).unlink(missing_ok=True)
    import_module("openvino").save_model(model, str(folder / ARTEFACTS["openvino"][0]), compress_to_fp16=False)


def calibration_inputs(detector: Detector, reader: Reader, samples: Sequence[Sample]) -> list[Array]:
    """Return normalised inputs, each a batch of one, of the first samples.

    Raises:
        ConfigError: Not one of them can be read.
    """
    pixels = (unit.pixels for sample in samples for unit in reader.units(sample) if unit.pixels is not None)
    inputs = [normalise(each[None], detector.preprocess).numpy() for each in islice(pixels, _MOST_FOR_CALIBRATION)]
    if not inputs:
        raise ConfigError("--calibrate_on: not one of its samples can be read")
    return inputs


def quantised(path: Path, inputs: Sequence[Array]) -> Iterator[tuple[str, Any]]:
    """Yield what a network is called when it is quantised, and it, try by try; the milder ones come last.

    Args:
        path: Of the OpenVINO network in float32.
        inputs: Of calibration.

    Raises:
        MissingExtraError: nncf is not installed.
    """
    # It tells its makers how it is used, but for this.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        nncf: Any = import_module("nncf")
    except ImportError as error:
        raise MissingExtraError("--int8 needs nncf; type: pip install 'deepfakebench-ext[export]'") from error
    core = import_module("openvino").Core()
    for name, alpha, keeps_ends in _TRIES:
        model = core.read_model(path)
        advanced = nncf.AdvancedQuantizationParameters()
        if alpha is not None:
            advanced.smooth_quant_alphas = nncf.AdvancedSmoothQuantParameters(matmul=alpha)
        with quiet():
            made = nncf.quantize(
                model,
                nncf.Dataset(list(inputs)),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(inputs),
                ignored_scope=nncf.IgnoredScope(names=_ends(model)) if keeps_ends else None,
                advanced_parameters=advanced,
            )
        yield name, made


def _ends(model: Any) -> list[str]:
    """Return the names of the first convolution and of the last matrix product."""
    operators = model.get_ordered_ops()
    first = [each.get_friendly_name() for each in operators if each.get_type_name() == _CONVOLUTION][:1]
    last = [each.get_friendly_name() for each in operators if each.get_type_name() == _MATMUL][-1:]
    return first + last


def scores_of(detector: Detector, reader: Reader, samples: Sequence[Sample]) -> Scored:
    """Return the scores of all units of labelled samples that have one."""
    labels = {sample.key: sample.label for sample in samples}
    if not samples:
        return Scored((), np.zeros(0, np.int64), np.zeros(0))
    batches = predict(detector, reader, samples, batch_size=default_batch_size(detector), workers=default_workers())
    scored = [each for batch in batches for each in batch if each.score is not None]
    return Scored(
        tuple((each.key, each.index) for each in scored),
        np.array([labels[each.key] for each in scored], dtype=np.int64),
        np.array([each.score for each in scored], dtype=np.float64),
    )


def gate(before: Scored, after: Scored, precision: str, tried: str) -> Gate:
    """Return what the samples of the gate say of an int8 network against float32.

    Raises:
        ModelError: Not the same samples were scored.
    """
    real, fake = _counts(before)
    if before.keys != after.keys:
        raise ModelError("the int8 network did not score the samples that torch did")
    (pair,) = compare_pairs(before.labels, {"float32": before.scores, "int8": after.scores})
    return Gate(
        real=real,
        fake=fake,
        auc_difference=pair.difference,
        low=pair.low,
        high=pair.high,
        score_difference=float(np.abs(before.scores - after.scores).max()),
        precision=precision,
        how=tried,
    )


def _counts(scored: Scored) -> tuple[int, int]:
    return int((scored.labels == REAL).sum()), int((scored.labels == FAKE).sum())


def _check_enough(scored: Scored) -> None:
    real, fake = _counts(scored)
    if min(real, fake) < FEWEST:
        raise ConfigError(
            f"--int8 is passed by labelled samples alone, at least {FEWEST} real and {FEWEST} fake ones apart from "
            f"those of calibration; {real} real and {fake} fake were scored. Give more by --gate_on"
        )


def passes(found: Gate) -> bool:
    """Whether an int8 network scores as float32 does."""
    return abs(found.auc_difference) <= LARGEST_AUC_DIFFERENCE and found.score_difference <= LARGEST_SCORE_DIFFERENCE


def refusal(source: str, tried: Sequence[Gate]) -> ModelError:
    """Return the error for a network that no try made good enough."""
    each = "; ".join(f"{found.how}: {found.text()}" for found in tried)
    return ModelError(
        f"{source} does not score in int8 as it does in float32: {each}; allowed are {LARGEST_AUC_DIFFERENCE:g} of AUC "
        f"and {LARGEST_SCORE_DIFFERENCE:g} of a score. Nothing was written; --format openvino without "
        "--int8 is scored in bfloat16"
    )


def split(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Return samples in two halves of each label, those of a video or of the same content together."""
    halves: tuple[list[Sample], list[Sample]] = ([], [])
    counts: dict[Any, list[int]] = {}
    placed: dict[str, int] = {}
    for sample in samples:
        group = sample.video or _content(sample)
        side = placed.get(group)
        so_far = counts.setdefault(sample.label, [0, 0])
        if side is None:
            side = placed[group] = int(so_far[0] > so_far[1])
        so_far[side] += 1
        halves[side].append(sample)
    return halves


def check_disjoint(calibration: Sequence[Sample], gated: Sequence[Sample]) -> None:
    """Pass two sets of samples of which none, by its content, is in both.

    Raises:
        ConfigError: One is.
    """
    known = {_content(sample): sample.key for sample in calibration}
    both = [sample.key for sample in gated if _content(sample) in known]
    if both:
        raise ConfigError(
            f"--gate_on has {len(both)} samples of --calibrate_on, such as {both[0]}; a gate of samples that were "
            "calibrated on would pass anything. Leave --gate_on out to have one set split, or give another"
        )


def _content(sample: Sample) -> str:
    return " ".join(content_of(path) for path in files_of(sample))
