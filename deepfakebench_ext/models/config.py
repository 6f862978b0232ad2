"""A detector's YAML, read and validated: a superset of DeepfakeBench's own keys.

One precedence rule for everything that can be said in several places: command line, then YAML, then checkpoint, then
default. A key that nobody knows is an error, since a misspelt one would be silently without effect.

The YAML of one of DeepfakeBench's own detectors is read too: it goes to that detector's constructor as it stands, and
what feeds the network is taken from it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from deepfakebench_ext.common.errors import ConfigError, HostError
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.common.yaml_files import read_mapping
from deepfakebench_ext.host.checkout import DETECTOR_YAMLS, HOW_TO_GET, find_checkout
from deepfakebench_ext.host.registry import DETECTOR
from deepfakebench_ext.models.export.record import ExportRecord
from deepfakebench_ext.models.stored_thresholds import Stored

_SHOWN_LETTERS = 200
DEFAULT_CONFIG = "huggingface_clip"
"""Where neither a config nor the weights say which; as in the older tool."""
_PACKAGE = Path(__file__).parents[1]
# Inside a wheel the configs lie in the package, in a checkout at its top.
CONFIG_FOLDERS = (_PACKAGE / "configs/detector", _PACKAGE.parent / "configs/detector")

# Keys of DeepfakeBench's own detector, train and test YAMLs (commit 8a4a7bf) that its scripts read and we do not.
_HOST_KEYS = """
    SWA all_dataset backbone_config backbone_name cuda cudnn data_aug dataset_json_folder dataset_type ddp dry_run lmdb
    lmdb_dir local_rank log_dir logdir loss_func losstype lr_T_max lr_eta_min lr_gamma lr_scheduler lr_step manualSeed
    metric_scoring mode nEpochs ngpu optimizer pretrained rec_iter restore_ckpt rgb_dir save_avg save_ckpt save_epoch
    save_feat start_epoch swa_start task_target test_batchSize test_dataset train_batchSize train_dataset
    use_data_augmentation with_landmark with_mask workers
"""
HOST_KEYS = frozenset(_HOST_KEYS.split())
# What we read of the YAML of a detector of DeepfakeBench's.
_SHARED = """
    model_name architecture preprocess resolution mean std clip_size frame_num compression label_dict video_mode seed
"""
# Fields that are ours to fill, not keys of a YAML.
_INNER = frozenset({"host", "checkout", "file"})
NO_CHECKOUT = f"DeepfakeBench's own detectors need a checkout of it, and {HOW_TO_GET}"


class DetectorConfig(BaseModel):
    """What we read of a detector YAML. Everything else in it belongs to DeepfakeBench's own scripts.

    Attributes:
        model_name: Name in the detector registry.
        huggingface_model_name: Hub id (`org/name[@revision]`) or local folder that gives the architecture, and the
            weights where no others are named.
        weights: Weight files tried first when none are named on the command line, relative to a DeepfakeBench
            checkout. One that is absent is passed over.
        architecture: A transformers config written in place (`hidden_size: ...`), so that a `.pth` needs no hub.
        use_svd: Train the attention projections as a frozen main part plus a trainable SVD residual
            (Effort, arXiv 2411.15633).
        svd_rank: Singular values kept in the frozen part; None keeps all but one.
        new_head: Leave a checkpoint's own classifier aside and start a two-class one, to fine-tune from it.
        l2_normalise: The classifier is given features of length 1; part of what a checkpoint trained so computes.
        dropout: Before the classifier, in training.
        fake_index: Index, or indices, of the logits that mean fake.
        preprocess: Overrides of single fields of the checkpoint's preprocessing.
        resolution, mean, std: What DeepfakeBench's loader feeds the network. Used for weights without a processor
            JSON of their own, that is for a `.pth`.
        clip_size: Frames of a clip. None: what the checkpoint's config says.
        frame_num: Frames of a video that DeepfakeBench uses, by `train` and `test`.
        compression: Which of FaceForensics++'s compressions DeepfakeBench reads.
        label_dict: DeepfakeBench's names of classes to labels, where the detector has its own.
        video_mode: Whether DeepfakeBench's detector takes clips.
        seed: Seed of a head that no checkpoint fills.
        tuning, training: What is trained and how (`train_config`), which decides no score: no part of a run's identity.
        thresholds: Where the training of these weights put the line between real and fake, by level; no part of a run's
            identity.
        export: What an exported network lying beside this YAML is, and how equal to torch; no part of a run's identity,
            which has the digest of its files.
        host: The whole YAML of one of DeepfakeBench's own detectors, for its constructor; None for ours.
        checkout: The DeepfakeBench checkout that this YAML lies in, if it lies in one. No part of a run's identity.
        file: The YAML itself, for messages; None of a mapping. No part of a run's identity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model_name: str
    huggingface_model_name: str | None = None
    weights: tuple[str, ...] = ()
    architecture: dict[str, Any] | None = None
    use_svd: bool = False
    svd_rank: int | None = Field(default=None, ge=0)
    new_head: bool = False
    l2_normalise: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    fake_index: tuple[int, ...] | None = None
    preprocess: dict[str, Any] = Field(default_factory=dict)
    resolution: int | None = Field(default=None, gt=0)
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    clip_size: int | None = Field(default=None, gt=0)
    frame_num: dict[str, int] | None = None
    compression: str | None = None
    label_dict: dict[str, int] | None = None
    video_mode: bool = False
    seed: int = Field(default=1024, ge=0, lt=2**63)
    tuning: dict[str, Any] | None = Field(default=None, exclude=True)
    training: dict[str, Any] | None = Field(default=None, exclude=True)
    thresholds: Stored = Field(default_factory=dict, exclude=True)
    export: ExportRecord | None = Field(default=None, exclude=True)
    host: dict[str, Any] | None = None
    checkout: Path | None = Field(default=None, exclude=True)
    file: Path | None = Field(default=None, exclude=True)

    @field_validator("weights", "fake_index", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        single = isinstance(value, str | int) and not isinstance(value, bool)  # `fake_index: yes` names no logit
        return (value,) if single else value

    @field_validator("weights", "preprocess", "video_mode", mode="before")
    @classmethod
    def _none_is_empty(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None:
            return value
        return {"weights": (), "preprocess": {}, "video_mode": False}[str(info.field_name)]

    @classmethod
    def from_mapping(
        cls, values: Mapping[str, Any], checkout: Path | None = None, file: Path | None = None
    ) -> DetectorConfig:
        """Return the config that a whole YAML mapping says, DeepfakeBench's own keys left aside.

        A `model_name` that is not in our registry is taken for one of DeepfakeBench's: its keys are not checked.

        Args:
            values: What the YAML holds.
            checkout: The DeepfakeBench checkout that the YAML lies in.
            file: The YAML.

        Raises:
            ConfigError: A key nobody knows, or a value of the wrong kind.
        """
        name = values.get("model_name")
        if isinstance(name, str) and name not in DETECTOR:
            shared = {key: values[key] for key in _SHARED.split() if key in values}
            return cls._validated(shared, host=dict(values), checkout=checkout, file=file)
        keys = set(cls.model_fields) - _INNER | HOST_KEYS
        unknown = sorted(set(values) - keys, key=str)
        if unknown:
            raise ConfigError(_unknown_keys(unknown, sorted(keys)))
        return cls._validated(values, file=file)

    @classmethod
    def from_host(cls, values: Mapping[str, Any]) -> DetectorConfig:
        """Return what DeepfakeBench hands a constructor: its scripts merge keys of their own, which are left aside."""
        return cls._validated(values)

    @classmethod
    def _validated(cls, values: Mapping[str, Any], **inner: Any) -> DetectorConfig:
        keys = set(cls.model_fields) - _INNER
        try:
            return cls.model_validate({**{key: value for key, value in values.items() if key in keys}, **inner})
        except ValidationError as error:
            raise ConfigError("detector config: " + "; ".join(map(_problem, error.errors()))) from error


def config_names() -> list[str]:
    """Return the names of the configs that ship with this package."""
    return sorted(_shipped())


def find_config(name_or_path: str | Path) -> Path:
    """Return the YAML file meant by a path, or by the name of a shipped config or else of one of DeepfakeBench's.

    Raises:
        ConfigError: Neither; the message lists the names.
        HostError: DEEPFAKEBENCH_ROOT is set and wrong.
    """
    path = Path(os.path.expanduser(name_or_path))  # noqa: PTH111 - Path.expanduser raises for an unknown ~user
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name too long to exist
        return path
    if os.path.exists(path) and not os.path.isdir(path):  # noqa: PTH110, PTH112
        raise ConfigError(f"{str(name_or_path)!r} is a pipe or device; give the path of a YAML file")
    # The older tool's default was training/config/detector/huggingface_clip.yaml: a path whose file is not there is an
    # error even where its stem is one of our names.
    if str(name_or_path) in (shipped := _shipped()):
        return shipped[str(name_or_path)]
    checkout = find_checkout()
    if str(name_or_path) in (theirs := _theirs(checkout)):
        return theirs[str(name_or_path)]
    near = difflib.get_close_matches(path.stem, [*config_names(), *theirs], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    others = f", or of DeepfakeBench's {', '.join(sorted(theirs))}" if checkout else f". {NO_CHECKOUT}"
    raise ConfigError(
        f"no detector config {str(name_or_path)!r}.{hint} Give the path of a YAML file or one of the names "
        f"{', '.join(config_names())}{others}"
    )


def load_config(source: str | Path | Mapping[str, Any] | DetectorConfig) -> DetectorConfig:
    """Return the validated config meant by a shipped name, a YAML path or a ready mapping.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, or a value of the wrong kind. Names the file.
    """
    if isinstance(source, DetectorConfig):
        return source
    if isinstance(source, Mapping):
        return DetectorConfig.from_mapping(source)
    path = find_config(source)
    values = read_mapping(path, "a detector config", unread=HOST_KEYS)
    try:
        return DetectorConfig.from_mapping(values, _checkout_around(path), path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _shipped() -> dict[str, Path]:
    return {path.stem: path for folder in reversed(CONFIG_FOLDERS) for path in folder.glob("*.yaml")}


def _theirs(checkout: Path | None) -> dict[str, Path]:
    return {} if checkout is None else {path.stem: path for path in (checkout / DETECTOR_YAMLS).glob("*.yaml")}


def _checkout_around(path: Path) -> Path | None:
    for folder in path.absolute().parents:
        try:
            return find_checkout(folder)
        except HostError:  # this folder is not the root of one
            continue
    return None


def _problem(error: Mapping[str, Any]) -> str:
    got = "" if error["type"] == "missing" else f" (got {_shown(error['input'])})"
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}{got}"


def _shown(value: Any) -> str:
    text = printable(repr(value))
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."


def _unknown_keys(unknown: list[str], known: list[str]) -> str:
    parts = []
    for key in unknown:
        near = difflib.get_close_matches(str(key)[:_SHOWN_LETTERS], known, n=1)
        parts.append(_shown(key) + (f" (did you mean {near[0]!r}?)" if near else ""))
    return f"unknown key {', '.join(parts)}; comment it out or correct it"
