"""The threshold of timelines, and the words for videos, out of films that are known to be real.

What is chosen holds for one detector, its crops and its sampling alone: all of that is kept beside it, and a timeline
that is made otherwise does not take it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.assembling import Threshold
from deepfakebench_ext.analysis.decision import Bands, choose_bands
from deepfakebench_ext.analysis.false_alarms import Chosen, RealVideo, choose_onset
from deepfakebench_ext.analysis.formats.files import read_json
from deepfakebench_ext.analysis.formats.values import got, mapping, number
from deepfakebench_ext.analysis.known import is_evaluation
from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.timeline import Timeline
from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.figure import Figure

CALIBRATION = "calibration.json"
CALIBRATION_VERSION = 1
_BASIS = ("detector", "weights", "preprocess", "taking", "faces", "dtype")
"""Settings that decide what a score is worth."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What may go wrong.

    Attributes:
        false_alarms: Seconds marked in a minute of real video, at most.
        words: Share of real videos that may be called fake, and of fakes that may be called real.
    """

    false_alarms: float = 1.0
    words: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what is no risk.

        Raises:
            ConfigError: Which, and what is allowed.
        """
        if not 0 <= self.false_alarms < 60:
            raise ConfigError(f"--false_alarms {self.false_alarms:g} is not allowed: give seconds a minute, below 60")
        if not 0 < self.words < 1:
            raise ConfigError(f"--risk {self.words:g} is not allowed: give a share above 0 and below 1")


def calibrated(
    real: Sequence[Timeline], fake: Sequence[Timeline], *, policy: Policy, rule: str, risk: Risk
) -> Threshold:
    """The lowest threshold that keeps false alarms on real films, and the scores from which a word may be said.

    Args:
        real: Timelines of films of which nothing is manipulated; of the same bytes one counts.
        fake: Those of films that are; empty where there are none, and then nothing is called real.
        policy: All but the onset.
        rule: How the scores of a face come to one.
        risk: What may go wrong.

    Raises:
        ConfigError: No real film, or one that is given as a fake too.
        ModelError: No threshold keeps false alarms within the risk.
    """
    if not real:
        raise ConfigError("none of the real videos could be analysed; a threshold needs at least one")
    films, fakes = ({each.video.sha256: each for each in side} for side in (real, fake))
    for digest in films.keys() & fakes.keys():
        files = f"{films[digest].video.file} and {fakes[digest].video.file}"
        raise ConfigError(f"{files} are the same bytes, and one is given as real, the other as a fake; leave one out")
    chosen = choose_onset(
        [
            RealVideo(key, each.video.duration_us, tuple(track.scores for track in each.tracks))
            for key, each in films.items()
        ],
        policy,
        limit=risk.false_alarms,
        bootstrap=Bootstrap(),
    )
    if chosen.policy is None:
        raise ModelError(f"{chosen.measured.reason}; no threshold can be chosen for this detector on these videos")
    source = f"{counted(len(films), 'real video')}" + (f" and {counted(len(fakes), 'fake')}" if fakes else "")
    bands = choose_bands(
        _scores(films.values()), _scores(fakes.values()), false_alarms=risk.words, misses=risk.words, source=source
    )
    return Threshold(chosen.policy, f"chosen on {source}", chosen, bands, rule)


def calibration_basis(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of the settings of an analysis those that a threshold holds for."""
    basis = {name: settings[name] for name in _BASIS}
    weights = settings["weights"]
    return {**basis, "weights": {name: weights[name] for name in ("sha256", "label_order")}}


def write_calibration(folder: Path, threshold: Threshold, basis: Mapping[str, Any]) -> Path:
    """Write it, and return where.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / CALIBRATION
    values = {"version": CALIBRATION_VERSION, "threshold": asdict(threshold), "basis": dict(basis)}
    with atomic_writer(path) as file:
        file.write(json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read_calibration(given: Path, basis: Mapping[str, Any]) -> Threshold:
    """The threshold that a calibration chose, for an analysis with these settings.

    Args:
        given: The file, or the folder that it is in.
        basis: As `calibration_basis`.

    Raises:
        ConfigError: It is missing, no calibration, an evaluation, or holds for another detector or other crops.
    """
    path = given / CALIBRATION if given.is_dir() else given
    if not path.is_file() and is_evaluation(given):
        raise ConfigError(
            f"{given} is an evaluation. It scored frames or clips one by one, of no cuts and no followed faces, so it "
            "does not say for how long a real video would be marked. Its labels say which videos are real: "
            f"dfb-ext calibrate-timeline {shlex.quote(str(given))}, with the options of this analysis, chooses a "
            "threshold on them"
        )
    values = mapping(read_json(path), str(path))
    if values.get("version") != CALIBRATION_VERSION:
        raise ConfigError(f"{path} is no calibration of this version; dfb-ext calibrate-timeline makes one")
    known = mapping(got(values, "basis", str(path)), "basis")
    meant = json.loads(json.dumps(basis))
    if others := [name for name in _BASIS if known.get(name) != meant.get(name)]:
        raise ConfigError(
            f"{path} was made with another {' and another '.join(others)}; what a score is worth holds for one "
            "detector and one way of taking faces. Calibrate anew with the options of this analysis"
        )
    return _threshold(mapping(got(values, "threshold", str(path)), "threshold"), path)


def _threshold(values: Mapping[str, Any], path: Path) -> Threshold:
    try:
        chosen, bands = dict(values["chosen"]), values["bands"]
        figures = {name: Figure(**chosen[name]) for name in ("measured", "held_out")}
        bounds = [bands[name] for name in ("fake_above", "real_below") if bands[name] is not None]
        for value in (chosen["seconds"], chosen["limit"], bands["false_alarms"], bands["misses"], *bounds):
            number(value, "a figure of it")
        policy = Policy(**values["policy"])
        whole = Chosen(**{**chosen, **figures, "policy": policy})
        source = f"{values['source']}: {path.as_posix()}"
        return Threshold(policy, source, whole, Bands(**bands), values["rule"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{path} is damaged: {error}; calibrate anew") from error


def _scores(timelines: Iterable[Timeline]) -> list[float]:
    return [each.score.score for each in timelines if each.score.score is not None]
