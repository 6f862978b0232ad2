"""What a training is asked: one record, filled by whoever asks, and the steps from it to a training made ready."""

from __future__ import annotations

import math
import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from deepfakebench_ext.common.choices import ShortVideo
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.numbers import MOST_WORKERS, check_count
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.engine.dataset_inputs import DatasetOptions
from deepfakebench_ext.engine.input_options import FaceOptions
from deepfakebench_ext.engine.processes import Processes
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.media.sampling import SPREAD
from deepfakebench_ext.models.built_from import config_for
from deepfakebench_ext.models.loading import takes_of
from deepfakebench_ext.training.data.splits import split_by_source
from deepfakebench_ext.training.fine_tuning import FineTuning
from deepfakebench_ext.training.inputs import TrainingInputs, gather_datasets, gather_side
from deepfakebench_ext.training.recipe import Recipe, read_values

_LISTS = (".csv", ".json")
_OF_PROBE = ("tuning.mode=head", "training.augmentation=null")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What a training is asked: a recipe, and what it is trained and judged on.

    Attributes:
        detector_config: Name or path of a detector's YAML; None goes by the weights.
        weights: Path or hub id to start from; None takes the config's own.
        changes: Of the YAML: `training.lr=1e-5`.
        probe: Fit the head in closed form instead.
        train: A folder, a video, an image or a CSV manifest; as `gather_side`.
        val: The same, one or several, each of which has figures of its own.
        val_share: Instead of `val`: share of the sources of training that is held out.
        kind: What lies there, `image` or `video`; None is what is there.
        train_dataset, val_dataset: Names of DeepfakeBench's datasets, instead.
        datasets: Where these lie.
        allow_leaks: Train although both sides share videos or files.
        frame_interval, short_video: How clips are made; as `SamplingOptions`.
        faces: How frames of files are cut to the face.
        output_dir: The run's folder; None is `training_runs/<config>-<mode>`.
        device: `auto`, `cpu` or `cuda`.
        workers: Reading threads of each process; None takes the CPUs, at most 8.
        checkpoint_minutes: Between two checkpoints within an epoch.
        track: One of accelerate's trackers.
    """

    detector_config: str | None = None
    weights: str | None = None
    changes: Sequence[str] = ()
    probe: bool = False
    train: str | None = None
    val: Sequence[str] = ()
    val_share: float | None = None
    kind: str | None = None
    train_dataset: Sequence[str] = ()
    val_dataset: Sequence[str] = ()
    datasets: DatasetOptions = field(default_factory=DatasetOptions)
    allow_leaks: bool = False
    frame_interval: int | None = None
    short_video: ShortVideo | None = None
    faces: FaceOptions = field(default_factory=FaceOptions)
    output_dir: str | None = None
    device: str = "auto"
    workers: int | None = None
    checkpoint_minutes: float = 10.0
    track: str | None = None

    def __post_init__(self) -> None:
        """Pass numbers that a training takes.

        Raises:
            ConfigError: Another.
        """
        check_count("--workers", self.workers, most=MOST_WORKERS)
        check_count("--frame_interval", self.frame_interval, least=SPREAD)
        if not 0 <= self.checkpoint_minutes < math.inf:
            raise ConfigError(f"--checkpoint_minutes {self.checkpoint_minutes} is not allowed: give 0 or more")

    def prepare(self) -> tuple[FineTuning, Path]:
        """Return the training made ready and the folder that it is for; nothing is written.

        Raises:
            ConfigError: Something that is not allowed, not there, or does not go together.
            WeightsError: The weights to start from cannot be had or do not fit.
            MissingExtraError: Something that it needs is not installed.
        """
        name = self.detector_config or config_for(self.weights)
        recipe = Recipe.of(read_values(name, [*self.changes, *(_OF_PROBE if self.probe else ())]), self.weights)
        mode = "probe" if self.probe else recipe.tuning.mode
        folder = Path(self.output_dir or f"training_runs/{Path(name).stem}-{mode}")
        inputs = self._inputs(recipe)
        processes = Processes(
            device=self.device, precision=recipe.training.precision, tracker=self.track, folder=str(folder)
        )
        workers = self.workers or default_workers()
        return FineTuning(recipe, inputs, processes, workers=workers, allow_leaks=self.allow_leaks), folder

    def _inputs(self, recipe: Recipe) -> TrainingInputs:
        if not (self.train or self.val):
            unused = self.faces.choices | ({} if self.kind is None else {"kind": self.kind})
            for name in unused:
                raise ConfigError(f"--{name} means nothing with --train_dataset, whose frames are cropped already")
        stores: dict[str, FrameStore] = {}
        train = self._side("train", [self.train] if self.train else [], self.train_dataset, recipe, stores)
        notices: list[Notice] = []
        if self.val_share is None:
            val = self._side("val", self.val, self.val_dataset, recipe, stores)
        elif self.val or self.val_dataset:
            raise ConfigError("give --val_share, or --val and --val_dataset, not both")
        else:
            split = split_by_source(
                train, self.val_share, recipe.training.seed, needs_fakes=not recipe.training.self_blend
            )
            train, val, notices = split.train, split.val, [Notice("split", split.note)] if split.note else []
        clips = (self.frame_interval, self.short_video)
        given_as = self._given_as(val)
        return TrainingInputs(train, val, stores, self.faces, *clips, tuple(notices), given_as, self.names)

    @property
    def names(self) -> Mapping[str, str]:
        """What each of several `val` is called, by its path."""
        if len(self.val) < 2:
            return {}
        short = {path: Path(path).resolve().name for path in self.val}
        taken = Counter(short.values())
        return {path: name if taken[name] == 1 else path for path, name in short.items()}

    def _given_as(self, val: Sequence[Sample]) -> tuple[tuple[str, ...], ...]:
        """Return the options by which the evaluator is given what was validated on, or what is like it."""
        if self.val_dataset or (self.val_share is not None and self.train_dataset):
            said = {name: value for name, value in asdict(self.datasets).items() if value is not None}
            places = [word for name, value in said.items() for word in (f"--{name}", value)]
            return (("--test_dataset", *(self.val_dataset or self.train_dataset), *places),)
        plain = "--video" if any(map(is_video, val)) else "--image"
        return tuple(("--manifest" if _is_list(path) else plain, path) for path in dict.fromkeys(self.val))

    def _side(
        self, side: str, paths: Sequence[str], names: Sequence[str], recipe: Recipe, stores: dict[str, FrameStore]
    ) -> Sequence[Sample]:
        if bool(paths) == bool(names):
            raise ConfigError(
                f"give --{side} (a folder or a CSV manifest) or --{side}_dataset (datasets of DeepfakeBench)"
                + (", not both" if paths else ", or --val_share 0.2" if side == "val" else "")
            )
        if paths:
            takes = takes_of(recipe.settings)
            found = {path: gather_side(path, takes=takes, option=f"--{side}", kind=self.kind) for path in paths}
            _check_apart(found)
            return [sample for path, samples in found.items() for sample in _named(samples, self.names.get(path))]
        data = self.datasets.locate([*self.train_dataset, *self.val_dataset])
        return gather_datasets(names, side, data, recipe.settings, stores)


def _is_list(path: str) -> bool:
    return path.lower().endswith(_LISTS)


def _check_apart(sets: Mapping[str, Sequence[Sample]]) -> None:
    """Pass validation sets of which none holds a sample of another, whose score would count twice.

    Raises:
        ConfigError: Two that share one; names it.
    """
    owners: dict[str, str] = {}
    for path, samples in sets.items():
        for place in {os.path.abspath(sample.path) for sample in samples}:  # noqa: PTH100 (a million names)
            if (other := owners.setdefault(place, path)) != path:
                raise ConfigError(
                    f"--val {shlex.quote(other)} and {shlex.quote(path)} both hold {place}, which would count twice; "
                    "leave one of them out"
                )


def _named(samples: Sequence[Sample], name: str | None) -> Sequence[Sample]:
    """Samples of one of several sets: their keys begin with its name, which is the dataset of those that have none."""
    if name is None:
        return samples
    return [replace(sample, key=f"{name}/{sample.key}", dataset=sample.dataset or name) for sample in samples]
