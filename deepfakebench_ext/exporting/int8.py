"""int8: a network quantised on some samples, and passed only where others, labelled, score as before."""

from __future__ import annotations

import logging
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from deepfakebench_ext.common.atomic_files import new_folder
from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.common.types import FAKE, REAL, Sample
from deepfakebench_ext.data.preprocess.normalising import normalised
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.exporting.apart import check_disjoint, together
from deepfakebench_ext.exporting.quantising import quantised, save
from deepfakebench_ext.metrics.pairs import compare_pairs
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.config import load_config
from deepfakebench_ext.models.export.export import write_description
from deepfakebench_ext.models.export.formats import write_network
from deepfakebench_ext.models.export.parity import check, measure
from deepfakebench_ext.models.export.record import ARTEFACTS, ExportRecord, Format, Gate
from deepfakebench_ext.models.export.tracing import ScoringNetwork
from deepfakebench_ext.models.runtimes.exported import ExportedDetector
from deepfakebench_ext.models.runtimes.session import RUNTIMES, Array
from deepfakebench_ext.models.scoring import ScoringDetector
from deepfakebench_ext.models.weights.source import DETECTOR_YAML, resolve_weights

logger = logging.getLogger(__name__)

LARGEST_AUC_DIFFERENCE: Final = 0.002
LARGEST_SCORE_DIFFERENCE: Final = 0.05
FEWEST: Final = 20
"""Scored units of each class that the gate needs: with fewer it would pass anything."""
_MOST_FOR_CALIBRATION = 300


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the gate's samples: of those units that have one.

    Attributes:
        keys: (N,) sample and number of each unit.
        labels: int64 (N,).
        scores: float64 (N,).
        groups: int64 (N,): units of one video, and copies, have one number.
    """

    keys: tuple[tuple[str, int], ...]
    labels: Any
    scores: Any
    groups: Any


def export_int8(
    detector: Detector, folder: Path, format_: Format, calibrated_on: Sequence[Sample], gated_on: Sequence[Sample]
) -> ExportRecord:
    """Write a network in int8 into a new folder, which appears when it passes the gate.

    Args:
        detector: In float32 on the CPU.
        folder: Absent or empty.
        format_: `onnx` or `openvino`.
        calibrated_on: Samples, whose labels are not looked at.
        gated_on: Labelled ones, none of them among the others.

    Raises:
        ConfigError: The folder holds something, samples of both, or too few of the gate's.
        ModelError: No try passes; says by how much each fails. Or nncf cannot quantise it.
        MissingExtraError: nncf, or what writes such networks, is not installed.
        OutputError: It cannot be written.
    """
    check_disjoint(calibrated_on, gated_on)
    network, reader = ScoringNetwork(detector).eval(), make_reader(detector)
    runtime, tried, groups = RUNTIMES[format_], list[Gate](), together(gated_on)
    with new_folder(folder) as unfinished, TemporaryDirectory(dir=unfinished) as plain:
        before = scores_of(detector, reader, gated_on, groups)
        _warn_of_unread("the gate", gated_on, {key for key, _ in before.keys})
        _check_enough(before)
        inputs = calibration_inputs(detector, reader, calibrated_on)
        check(measure(network, write_network(network, format_, Path(plain)), runtime=runtime), detector.report.source)
        for how, model in quantised(network, format_, Path(plain) / ARTEFACTS[format_][0], inputs):
            save(format_, model, unfinished)
            write_description(detector, unfinished, format_, (), is_int8=True)
            int8 = _opened(unfinished)
            after = scores_of(int8, make_reader(int8), gated_on, groups)
            tried.append(gate(before, after, int8.computing["dtype"], how))
            if passes(tried[-1]):
                parity = measure(network, int8.session, runtime=runtime, precision=int8.computing["dtype"])
                return write_description(detector, unfinished, format_, [parity], is_int8=True, gate=tried[-1])
        raise refusal(detector.report.source, tried)


def _opened(folder: Path) -> ExportedDetector:
    settings = load_config(folder / DETECTOR_YAML)
    return ExportedDetector(settings, source=resolve_weights(str(folder)))


def calibration_inputs(detector: Detector, reader: Reader, samples: Sequence[Sample]) -> list[Array]:
    """Return normalised inputs, each a batch of one, of samples that lie evenly among those that are given.

    Raises:
        ConfigError: Not one of them can be read.
    """
    apart = -(-len(samples) // _MOST_FOR_CALIBRATION) or 1
    each = _MOST_FOR_CALIBRATION // (len(samples[::apart]) or 1)
    units = (unit for sample in samples[::apart] for unit in islice(reader.units(sample), each))
    inputs, read = [], set[str]()
    for unit in units:
        if unit.pixels is not None:
            inputs.append(normalised(unit.pixels[None], detector.preprocess))
            read.add(unit.prediction.key)
    if not inputs:
        raise ConfigError("--calibrate_on: not one of its samples can be read")
    _warn_of_unread("calibration", samples[::apart], read)
    return inputs


def _warn_of_unread(what: str, samples: Sequence[Sample], read: Container[str]) -> None:
    """Say how many samples were passed over."""
    absent = [sample.key for sample in samples if sample.key not in read]
    if absent:
        logger.warning(
            "%d of the %d samples of %s could not be read, such as %s", len(absent), len(samples), what, absent[0]
        )


def scores_of(detector: ScoringDetector, reader: Reader, samples: Sequence[Sample], groups: Sequence[int]) -> Scored:
    """Return the scores of all units of labelled samples that have one.

    Args:
        detector: Scores them.
        reader: Its own.
        samples: Labelled.
        groups: Of each sample, as `together` says.
    """
    if not samples:
        return Scored((), *(np.zeros(0, kind) for kind in (np.int64, np.float64, np.int64)))
    known = {sample.key: (sample.label, group) for sample, group in zip(samples, groups, strict=True)}
    batches = predict(detector, reader, samples, batch_size=default_batch_size(detector), workers=default_workers())
    scored = [each for batch in batches for each in batch if each.score is not None]
    return Scored(
        tuple((each.key, each.index) for each in scored),
        np.array([known[each.key][0] for each in scored], dtype=np.int64),
        np.array([each.score for each in scored], dtype=np.float64),
        np.array([known[each.key][1] for each in scored], dtype=np.int64),
    )


def gate(before: Scored, after: Scored, precision: str, tried: str) -> Gate:
    """Return what the samples of the gate say of an int8 network against float32.

    Raises:
        ModelError: Not the same samples were scored.
    """
    real, fake = _counts(before)
    if before.keys != after.keys:
        raise ModelError("the int8 network did not score the samples that torch did")
    scores = {"float32": before.scores, "int8": after.scores}
    (pair,) = compare_pairs(before.labels, scores, clusters=before.groups)
    groups = len(np.unique(before.groups))
    return Gate(
        real=real,
        fake=fake,
        videos=groups if groups < len(before.keys) else None,
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
            f"those of calibration; {real} real and {fake} fake were scored; a video's frames, and "
            "copies of a picture, stay together. Give more by --gate_on"
        )


def passes(found: Gate) -> bool:
    """Whether an int8 network scores as float32 does."""
    return abs(found.auc_difference) <= LARGEST_AUC_DIFFERENCE and found.score_difference <= LARGEST_SCORE_DIFFERENCE


def refusal(source: str, tried: Sequence[Gate]) -> ModelError:
    """Return the error for a network that no try made good enough."""
    each = "; ".join(f"{found.how}: {found.text()}" for found in tried)
    return ModelError(
        f"{source} does not score in int8 as it does in float32: {each}; allowed are {LARGEST_AUC_DIFFERENCE:g} of AUC "
        f"and {LARGEST_SCORE_DIFFERENCE:g} of a score. Nothing was written; --format openvino without --int8 is scored "
        "in bfloat16 where the CPU has it"
    )
