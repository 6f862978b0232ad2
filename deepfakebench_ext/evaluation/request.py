"""What an evaluation is asked: one record, filled by whoever asks, and the steps from it to figures.

request = EvaluationRequest(weights="org/deepfake-vit", image="photos")
settings = request.settings()
inputs = list(request.inputs(settings))  # nothing is loaded until these are known to be there
detector = request.load(settings)
for plan in (request.plan(each, detector) for each in inputs):
    with Scoring(plan) as scoring:
        scoring.to_the_end()
        print(scoring.report(request.report(plan)).figures)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepfakebench_ext.common.atomic_files import check_writable
from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.numbers import MOST_WORKERS, check_count, check_seed
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.common.wording import named
from deepfakebench_ext.data.samples.datasets import doubled_frame_notices, json_order_notices
from deepfakebench_ext.data.samples.folders import limit_notices, limit_samples
from deepfakebench_ext.data.samples.given import Given
from deepfakebench_ext.data.stores.coverage import Coverage, coverage
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.engine.dataset_inputs import (
    DEFAULT_PROTOCOL,
    DatasetOptions,
    HostData,
    check_protocol,
    make_stored_reader,
    protocol_dtype,
    protocol_notices,
)
from deepfakebench_ext.engine.file_inputs import check_one_input, file_reader, gather_given
from deepfakebench_ext.engine.input_options import FaceOptions, SamplingOptions
from deepfakebench_ext.engine.own.detector import OwnDetector
from deepfakebench_ext.evaluation.inputs import Input, asked_of, check_apart
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.thresholds import Threshold
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.options import DetectorOptions
from deepfakebench_ext.models.stored_thresholds import STORED, threshold_number, thresholds_asked
from deepfakebench_ext.remote.typed import known

if TYPE_CHECKING:
    from deepfakebench_ext.engine.scorer import Scorer
    from deepfakebench_ext.evaluation.plan import Plan
    from deepfakebench_ext.evaluation.reporting import Report
    from deepfakebench_ext.models.scoring import ScoringDetector


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest(DetectorOptions):
    """What an evaluation is asked: a detector, and files or datasets to score.

    Attributes:
        paths, image, video, manifest: Files, one of them; as `gather_samples`.
        detector: A program of the user's, as `OwnDetector.of`, instead of a config and weights.
        detector_timeout: Its limit for one sample in seconds; None is 60.
        test_dataset: Names of DeepfakeBench's datasets, instead.
        datasets: Where these lie.
        protocol: As `make_stored_reader`; None is DeepfakeBench's.
        limit, seed: At most so many samples of each, balanced over the labels, chosen by the seed; None for all.
        sampling: Which frames or clips of a video.
        faces: How frames of files are cut to the face.
        threshold: Where decisions are made, as `thresholds_asked` has it; None is 0.5.
        aggregation, output_dir, batch_size, workers, plots: As `evaluate`.
        command: How this was asked, for the run's record.
        writes: Whether results will be written; else it is not tried whether they can be.
    """

    paths: tuple[str, ...] = ()
    detector: str | None = None
    detector_timeout: float | None = None
    image: str | None = None
    video: str | None = None
    manifest: str | None = None
    test_dataset: tuple[str, ...] = ()
    datasets: DatasetOptions = field(default_factory=DatasetOptions)
    protocol: str | None = None
    limit: int | None = None
    seed: int = 1024
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    faces: FaceOptions = field(default_factory=FaceOptions)
    threshold: str | None = None
    aggregation: str = "mean"
    output_dir: str = "inference_results"
    batch_size: int | None = None
    workers: int | None = None
    plots: bool = True
    command: str | None = None
    writes: bool = True

    def __post_init__(self) -> None:
        """Pass options that go together, and keep what is secret of a URL out of all records.

        Raises:
            ConfigError: Options of datasets without one, those of files with one, those of a network with a program, or
                a value that is not allowed.
        """
        for name in ("image", "video", "manifest"):
            object.__setattr__(self, name, _shown(getattr(self, name)))
        object.__setattr__(self, "paths", tuple(_shown(path) or path for path in self.paths))
        self._check_detector()
        aggregation_rule(self.aggregation)
        if self.threshold not in (None, STORED):
            threshold_number(str(self.threshold))
        check_count("--limit", self.limit)
        check_count("--batch_size", self.batch_size)
        check_count("--workers", self.workers, most=MOST_WORKERS)
        check_seed("--seed", self.seed)
        files = {"image": self.image, "video": self.video, "manifest": self.manifest, **self.faces.choices}
        check_apart(self.test_dataset, self.paths, files, {**asdict(self.datasets), "protocol": self.protocol})
        if self.test_dataset:
            check_protocol(self.protocol_meant, self.sampling)
            return
        check_one_input(self.image, self.video, self.manifest, self.paths)
        self.faces.check()

    def _check_detector(self) -> None:
        if self.detector is None:
            return
        defaults = DetectorOptions()
        network = {field.name: getattr(self, field.name) for field in fields(DetectorOptions)}
        unused = [name for name, value in network.items() if value != getattr(defaults, name)]
        unused += [*self.faces.choices, *(["workers"] if self.workers is not None else [])]
        if given := ", ".join(f"--{name}" for name in unused):
            raise ConfigError(f"{given} means nothing with --detector, which is given the files as they are")
        self.own(self.detector)

    def own(self, source: str) -> OwnDetector:
        """Return a program of the user's.

        Raises:
            ConfigError: As `OwnDetector.of`, or frames that are no files.
        """
        if self.datasets.lmdb_dir is not None:
            raise ConfigError(f"--lmdb_dir holds no files that {source} could be given; give --rgb_dir")
        return OwnDetector.of(source, self.detector_timeout)

    def settings(self) -> DetectorConfig:
        """Return the detector's config; of a program that of an image detector.

        Raises:
            ConfigError, WeightsError: As `DetectorOptions.settings`.
        """
        return DetectorOptions.settings(self) if self.detector is None else OwnDetector.settings

    def load(self, settings: DetectorConfig) -> ScoringDetector | OwnDetector:  # type: ignore[override]
        """Return the detector, ready to score.

        Raises:
            ConfigError, WeightsError, HostError, MissingExtraError: As `load_detector`, or `OwnDetector.of`.
        """
        return DetectorOptions.load(self, settings) if self.detector is None else self.own(self.detector)

    def inputs(self, settings: DetectorConfig) -> Iterator[Input]:
        """Yield what is to be scored, once results can be written; nothing is decoded.

        Raises:
            ConfigError: Nothing there, labels that contradict each other, or options that do not go together.
            OutputError: Results cannot be written.
        """
        if self.test_dataset:
            data = self.located()
            for name in self.test_dataset:
                store = data.store(name)
                given = self.dataset(name, data, store, settings)
                found = coverage(given.samples, store)
                yield replace(given, coverage=found)
                if found.is_empty:
                    raise ConfigError(
                        f"{name}: not one of its {found.frames} frames is there; the first was looked for at "
                        f"{found.looked_at}. Give --rgb_dir, the folder of the datasets' images, or --lmdb_dir"
                    )
            return
        from deepfakebench_ext.models.loading import takes_of

        takes = takes_of(settings)
        if self.detector is None:
            self.sampling.check_takes(takes, settings.model_name)
            self.faces.check_takes(takes, settings.model_name)
        given_files = self.files(takes)
        self._check_writable()
        source = self.image or self.video or self.manifest or named(self.paths)
        yield Input(source, given_files.samples, notices=given_files.notices)

    def files(self, takes: str) -> Given:
        """Return the samples of the files that were asked for, and what is to be said of them.

        Args:
            takes: What the detector takes, `image` or `video`.

        Raises:
            ConfigError: As `gather_samples`.
        """
        return gather_given(
            self.image,
            self.manifest,
            video=self.video,
            paths=self.paths,
            takes=takes,
            limit=self.limit,
            seed=self.seed,
        )

    def _check_writable(self) -> None:
        if self.writes:
            check_writable(Path(self.output_dir))

    def located(self) -> HostData:
        """Return where the datasets lie, once results can be written.

        Raises:
            ConfigError: An unknown protocol, sampling options that it does not take, or datasets that lie nowhere.
            OutputError: Results cannot be written.
        """
        check_protocol(self.protocol_meant, self.sampling)
        data = self.datasets.locate(self.test_dataset)
        self._check_writable()
        return data

    def dataset(self, name: str, data: HostData, store: FrameStore, settings: DetectorConfig) -> Input:
        """Return a dataset as a detector takes it."""
        protocol = self.protocol_meant
        samples = data.samples(name, store, settings, protocol=protocol)
        if self.limit is not None:
            samples = limit_samples(samples, self.limit, self.seed)
        labels = data.label_notices(samples, settings, protocol)
        notices = [*labels, *json_order_notices(samples), *doubled_frame_notices(samples)]
        return Input(name, samples, store, notices=tuple(notices))

    def coverages(self, settings: DetectorConfig) -> Iterator[Coverage]:
        """Yield how much of each dataset is on the disk; nothing is written."""
        data = self.datasets.locate(self.test_dataset)
        for name in self.test_dataset:
            store = data.store(name)
            yield coverage(data.samples(name, store, settings), store)

    def plan(self, given: Input, detector: ScoringDetector | OwnDetector) -> Plan:
        """Return the scoring of an input, not begun.

        Raises:
            ConfigError: As `Plan.of`.
        """
        from deepfakebench_ext.evaluation.plan import Plan

        scorer = self.scorer(given, detector)
        self.thresholds(scorer, given.samples)
        notices: list[Notice] = []
        if given.store is not None and not isinstance(detector, OwnDetector):
            notices = protocol_notices(detector, self.protocol_meant)
        return Plan.of(
            scorer,
            given.samples,
            output_dir=self.output_dir,
            batch_size=self.batch_size,
            workers=self.workers,
            notices=[*notices, *given.notices, *limit_notices(len(given.samples), self.limit, self.seed)],
            record={
                "command": self.command,
                "input": given.source,
                "limit": self.limit,
                "seed": self.seed,
                "asked": asked_of(self),
            },
        )

    def scorer(self, given: Input, detector: ScoringDetector | OwnDetector) -> Scorer:
        """Return what gives scores to an input, whichever its samples are.

        Raises:
            ConfigError: Options that do not go together.
        """
        from deepfakebench_ext.engine.own.scorer import own_scorer
        from deepfakebench_ext.engine.scorer import NetworkScorer

        stores = {} if given.store is None else {given.source: given.store}
        protocol, options = self.protocol_meant, self.sampling
        if isinstance(detector, OwnDetector):
            return own_scorer(detector, stores, protocol=protocol, options=options)
        if stores:
            return NetworkScorer(detector, make_stored_reader(detector, stores, protocol=protocol, options=options))
        return NetworkScorer(detector, file_reader(detector, options, self.faces.reader(detector)))

    def report(self, plan: Plan) -> Report:
        """Return what is to be reported of a plan's scores."""
        decided = self.thresholds(plan.scorer, plan.samples)
        return plan.report(aggregation=self.aggregation, plots=self.plots, thresholds=decided)

    def thresholds(self, scorer: Scorer, samples: Sequence[Sample]) -> Mapping[Level, Threshold]:
        """Return where decisions are made at each level; nothing where that is 0.5.

        Raises:
            ConfigError: As `thresholds_asked`.
        """
        if self.threshold is None:
            return {}
        from deepfakebench_ext.evaluation.plan import levels_of

        levels = levels_of(scorer, samples)
        return thresholds_asked(
            self.threshold, scorer.stored_thresholds, scorer.title, levels=levels, rule=self.aggregation
        )

    @property
    def protocol_meant(self) -> str:
        """The protocol of datasets, said or not."""
        return self.protocol or DEFAULT_PROTOCOL

    @property
    def dtype_meant(self) -> str:
        """The `dtype` that the detector is loaded in; the protocol of a dataset may ask for one."""
        return protocol_dtype(self.protocol_meant, self.dtype) if self.test_dataset else self.dtype

    @property
    def runtime_meant(self) -> str | None:
        """What computes; DeepfakeBench's own scores are torch's, where no other is asked for by its name."""
        is_its_own = bool(self.test_dataset) and self.protocol_meant == DEFAULT_PROTOCOL
        return None if self.runtime == "auto" and is_its_own else self.runtime


def _shown(path: str | None) -> str | None:
    return known(path) if path is not None and is_url(path) else path
