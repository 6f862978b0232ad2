"""What an evaluation is given of DeepfakeBench's datasets: where they lie, their samples, a reader of their frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from deepfakebench_ext.common.choices import Protocol
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec, output_size, spec_from_host_keys
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.stores.frame_stores import FrameStore, LmdbStore, RgbStore
from deepfakebench_ext.engine.input_options import NOTHING_SAID, SamplingOptions
from deepfakebench_ext.host.checkout import DATASET_JSONS, find_checkout
from deepfakebench_ext.host.dataset_json_reading import C40_DATASETS
from deepfakebench_ext.host.label_dict import LABELS_OF_TESTS, labels_of
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling
from deepfakebench_ext.models.config import DetectorConfig

if TYPE_CHECKING:
    from deepfakebench_ext.data.readers.reader import Reader
    from deepfakebench_ext.models.scoring import ScoringDetector

DEFAULT_PROTOCOL: Protocol = "deepfakebench"
DEFAULT_COMPRESSION = "c23"
DEFAULT_FRAME_NUM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetOptions:
    """Where DeepfakeBench's datasets lie, as it is asked for; None takes what a checkout has.

    Attributes:
        dataset_json_folder: Folder of `<dataset>.json`.
        rgb_dir: Folder of the datasets' images.
        lmdb_dir: Folder of their LMDBs, instead.
        compression: `c23`, `c40` or `raw`.
    """

    dataset_json_folder: str | None = None
    rgb_dir: str | None = None
    lmdb_dir: str | None = None
    compression: str | None = None

    def locate(self, datasets: Iterable[str]) -> HostData:
        """Return where these datasets lie.

        Raises:
            ConfigError: As `HostData.locate`, or a compression that contradicts the name of a dataset.
        """
        data = HostData.locate(
            self.dataset_json_folder, rgb_dir=self.rgb_dir, lmdb_dir=self.lmdb_dir, compression=self.compression
        )
        for name in datasets:
            data.compression_of(name)
        return data


@dataclass(frozen=True, slots=True)
class HostData:
    """Where DeepfakeBench's datasets lie.

    Attributes:
        json_folder: Folder of `<dataset>.json`.
        root: Where relative paths in a JSON begin: the checkout, or the working directory.
        rgb_dir: Folder of the datasets' images; None takes the paths as the JSON spells them.
        lmdb_dir: Folder of the datasets' LMDBs, instead.
        compression: `c23`, `c40` or `raw` where a dataset has several; None takes the detector's.
        label_dict: What the checkout calls real (0) and fake (1 and above).
    """

    json_folder: Path
    root: Path
    rgb_dir: Path | None = None
    lmdb_dir: Path | None = None
    compression: str | None = None
    label_dict: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def locate(
        cls,
        json_folder: str | Path | None = None,
        *,
        rgb_dir: str | Path | None = None,
        lmdb_dir: str | Path | None = None,
        compression: str | None = None,
    ) -> HostData:
        """Return where the datasets lie, as named, or as a DeepfakeBench checkout has them.

        Raises:
            ConfigError: Both kinds of frames named, a folder that is not there, no JSONs named and no checkout, or a
                checkout whose table of labels cannot be read.
        """
        checkout = find_checkout()
        if rgb_dir is not None and lmdb_dir is not None:
            raise ConfigError("give --rgb_dir (images) or --lmdb_dir (LMDBs), not both")
        if json_folder is None and checkout is None:
            raise ConfigError(
                "DeepfakeBench's datasets need --dataset_json_folder, the folder of <dataset>.json, as no checkout of "
                "it was found"
            )
        folders = {
            "--dataset_json_folder": Path(json_folder or (checkout or Path()) / DATASET_JSONS),
            "--rgb_dir": None if rgb_dir is None else Path(rgb_dir),
            "--lmdb_dir": None if lmdb_dir is None else Path(lmdb_dir),
        }
        for option, folder in folders.items():
            if folder is not None and not folder.is_dir():
                raise ConfigError(f"{option} {folder} is not a folder")
        jsons, rgb, lmdb = folders.values()
        assert jsons is not None
        labels = {} if checkout is None else labels_of(checkout)
        return cls(jsons, checkout or Path.cwd(), rgb, lmdb, compression, labels)

    def compression_of(self, dataset: str, settings: DetectorConfig | None = None) -> str:
        """Return in which compression a dataset is read, where it comes in several.

        Raises:
            ConfigError: The dataset's name says c40, and the compression that was asked for is another.
        """
        plain = dataset.removesuffix("_c40")
        in_name = plain != dataset and plain in C40_DATASETS
        if in_name and self.compression not in (None, "c40"):
            raise ConfigError(
                f"dataset {dataset} is {plain} in c40, and --compression says {self.compression}; leave --compression "
                f"out for c40, or name the dataset {plain} for {self.compression}"
            )
        in_yaml = settings.compression if settings is not None else None
        return "c40" if in_name else self.compression or in_yaml or DEFAULT_COMPRESSION

    def store(self, dataset: str) -> FrameStore:
        """Return what reads the frames of a dataset.

        Raises:
            ConfigError: No LMDB of it.
            MissingExtraError: An LMDB, and the package is not installed.
        """
        if self.lmdb_dir is not None:
            return LmdbStore(self.lmdb_dir, dataset)
        return RgbStore(self.rgb_dir, self.root)

    def labels(self, settings: DetectorConfig, protocol: str) -> dict[str, object]:
        """Return what the names of labels mean: under DeepfakeBench's protocol the checkout decides, else the YAML."""
        of_yaml = settings.label_dict or {}
        return {**of_yaml, **self.label_dict} if protocol == "deepfakebench" else {**self.label_dict, **of_yaml}

    def label_notices(self, samples: Iterable[Sample], settings: DetectorConfig, protocol: str) -> list[Notice]:
        """Return the warning that the detector's YAML and the checkout mean different things by a label of these."""
        of_yaml, of_checkout = settings.label_dict or {}, self.label_dict
        shared = of_yaml.keys() & of_checkout & {sample.method for sample in samples}
        opposed = sorted(name for name in shared if bool(of_yaml[name]) != bool(of_checkout[name]))
        if not opposed:
            return []
        said = ", ".join(f"{name} {'fake' if of_yaml[name] else 'real'}" for name in opposed)
        winner = "the checkout" if protocol == "deepfakebench" else "the YAML"
        text = (
            f"label_dict: the YAML of {settings.model_name} calls {said}, and {LABELS_OF_TESTS} of the checkout the "
            f"opposite; --protocol {protocol} takes the word of {winner}"
        )
        return [Notice("label_dict", text)]

    def samples(
        self,
        dataset: str,
        store: FrameStore,
        settings: DetectorConfig,
        *,
        protocol: str = DEFAULT_PROTOCOL,
        split: str = "test",
    ) -> list[Sample]:
        """Return the videos of a split of a dataset, for a detector, with the labels that hold under a protocol.

        Raises:
            ConfigError: No such dataset, a JSON of another structure, an unknown label, or a compression that is not
                the one of the dataset's name.
        """
        from deepfakebench_ext.models.loading import takes_of

        return gather_dataset(
            dataset,
            json_folder=self.json_folder,
            store=store,
            compression=self.compression_of(dataset, settings),
            label_dict=self.labels(settings, protocol),
            split=split,
            needs_order=takes_of(settings) == "video",
        )


def check_protocol(protocol: str, options: SamplingOptions) -> None:
    """Pass a protocol and the sampling options that it takes; needs no detector.

    Raises:
        ConfigError: An unknown protocol, or options that it does not take.
    """
    if protocol not in get_args(Protocol):
        raise ConfigError(f"--protocol {protocol!r} is not known; allowed are {', '.join(get_args(Protocol))}")
    if options.given and protocol == "deepfakebench":
        raise ConfigError(
            f"{', '.join(options.given)} means nothing with --protocol deepfakebench, which takes the frames that the "
            f"YAML's frame_num says; give --protocol uniform"
        )


def protocol_dtype(protocol: str, dtype: str) -> str:
    """Return the `dtype` to load a detector in: `auto` is float32 where DeepfakeBench's own scores are wanted.

    Its test script computes in float32; bfloat16 would be some 1e-3 off.
    """
    return "float32" if dtype == "auto" and protocol == "deepfakebench" else dtype


def protocol_notices(detector: ScoringDetector, protocol: str) -> list[Notice]:
    """Return what is to be said with the figures about how frames were prepared.

    Raises:
        ConfigError: As `make_stored_reader`.
    """
    if protocol != "deepfakebench" or _names_host_pixels(detector.settings):
        return []
    text = (
        f"The frames are those of DeepfakeBench's test.py, their pixels are not: the YAML of "
        f"{detector.settings.model_name} sets no resolution, mean and std, so the detector's own preprocessing made "
        f"them ({detector.preprocess.source})"
    )
    return [Notice("protocol", text)]


def make_stored_reader(
    detector: ScoringDetector,
    stores: Mapping[str, FrameStore],
    *,
    protocol: str = DEFAULT_PROTOCOL,
    options: SamplingOptions = NOTHING_SAID,
) -> Reader:
    """Return what makes a detector's input out of the frames of datasets.

    Args:
        detector: From `load_detector`.
        stores: By the name of the dataset, from `HostData.store`.
        protocol: `deepfakebench`: the frames or clips that DeepfakeBench's test script takes, prepared as its loader
            does by the YAML's `resolution`, `mean` and `std`, or by the detector's own preprocessing where the YAML
            has none of the three (`protocol_notices` says so). `uniform`: evenly spread ones, prepared as the
            detector's own preprocessing says.
        options: For `uniform`.

    Raises:
        ConfigError: An unknown protocol, options that it does not take, or a YAML with one or two of the three keys.
    """
    from deepfakebench_ext.data.readers.reader import Reader

    check_protocol(protocol, options)
    if protocol == "uniform":
        return Reader(detector.preprocess, options.of(detector), stores=stores)
    number = (detector.settings.frame_num or {}).get("test", DEFAULT_FRAME_NUM)
    clip_len = None if detector.takes == "image" else detector.clip_len
    return Reader(_host_preprocess(detector), DeepfakeBenchSampling(number, clip_len), stores=stores)


def _host_preprocess(detector: ScoringDetector) -> PreprocessSpec:
    """Return what DeepfakeBench's loader does to a frame, whatever the weights' own processor would do.

    A YAML that its loader cannot read has nothing to say: then it is what that processor does.
    """
    settings = detector.settings
    if not _names_host_pixels(settings):
        return detector.preprocess
    spec = spec_from_host_keys(settings.resolution, settings.mean, settings.std)
    if detector.input_size is not None and output_size(spec) != detector.input_size:
        raise ConfigError(
            f"resolution: {settings.resolution} in the YAML, and {settings.model_name} takes "
            f"{detector.input_size[0]}x{detector.input_size[1]}; set it, or give --protocol uniform"
        )
    return spec


def _names_host_pixels(settings: DetectorConfig) -> bool:
    """Return whether the YAML has the keys of DeepfakeBench's loader: all of them, or none."""
    values = {"resolution": settings.resolution, "mean": settings.mean, "std": settings.std}
    missing = [name for name, value in values.items() if value is None]
    if missing and len(missing) < len(values):
        raise ConfigError(
            f"the YAML of {settings.model_name} lacks {' and '.join(missing)}; set resolution, mean and std in the "
            f"YAML, or give --protocol uniform"
        )
    return not missing
