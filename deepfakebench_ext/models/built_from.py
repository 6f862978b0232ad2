"""What a detector is built from, decided once: its weights, its architecture, its preprocessing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.missing import torch_needed
from deepfakebench_ext.data.preprocess.transform import (
    PreprocessSpec,
    output_size,
    override,
    spec_from_block,
    spec_from_checkpoint,
    spec_from_host_keys,
)
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.models.architecture import Architecture, checked
from deepfakebench_ext.models.config import DEFAULT_CONFIG, DetectorConfig
from deepfakebench_ext.models.weights.source import (
    DETECTOR_YAML,
    NAMES_YAML,
    PROCESSOR_FILES,
    Source,
    parse_weights,
    read_json,
    resolve_beside,
    resolve_config,
    resolve_weights,
)

logger = logging.getLogger(__name__)


def config_for(weights: str | None) -> str:
    """Return the config that takes `weights`: the one they bring, else a shipped one, by what config.json says.

    Of a hub repository only these files are fetched. A lone file says nothing of its class; then, and without weights,
    it is `huggingface_clip`, as in the older tool.

    Raises:
        WeightsError: The weights, or their config.json, cannot be had.
    """
    found = parse_weights(weights) if weights is not None else None
    if found is None or (isinstance(found, Path) and found.is_file() and not (found.parent / "config.json").is_file()):
        return DEFAULT_CONFIG
    config = resolve_config(str(weights))
    own = resolve_beside(str(weights), DETECTOR_YAML) if config.get(NAMES_YAML) == DETECTOR_YAML else None
    if own is not None:
        return str(own)
    architecture = checked(config, f"the config.json of {weights}")
    return _config_by_kind(architecture.kind, " ".join(architecture.classes))


def _config_by_kind(kind: str | None, classes: str) -> str:
    if "ForImageClassification" in classes or kind == "timm_wrapper":
        return "huggingface_image"
    if kind == "videomae":
        return "huggingface_videomae"
    if "ForVideoClassification" in classes:
        return "huggingface_video"
    if kind in (None, "clip"):  # a CLIP that is not said to be a classifier is a tower
        return "huggingface_clip"
    with torch_needed():
        from transformers.models.auto import modeling_auto as auto
    if kind in auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES:
        return "huggingface_video"
    is_image = kind in auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    return "huggingface_image" if is_image else "huggingface_clip"


def default_source(settings: DetectorConfig) -> Source:
    """Return the weights a config names when the command line names none.

    The first file of `weights` that lies in a DeepfakeBench checkout, else `huggingface_model_name`, else nothing but
    the `architecture`, to train from scratch.

    Raises:
        ConfigError: The config names none of these.
        WeightsError: What it names cannot be had.
    """
    checkout = find_checkout() if settings.weights else None
    for name in settings.weights:
        path = (checkout / name) if checkout else Path(name)
        if path.is_file():
            logger.info("no --weights: taking %s", path)
            return resolve_weights(str(path))
    if settings.huggingface_model_name:
        tried = f", as there is no {' and no '.join(settings.weights)}" if settings.weights else ""
        logger.info("no --weights: taking %s%s", settings.huggingface_model_name, tried)
        return resolve_weights(settings.huggingface_model_name)
    if settings.architecture is not None:
        return Source("nothing (random parameters)", "random", None, ())
    raise ConfigError(
        f"the config of {settings.model_name!r} names no weights; give --weights, or set `huggingface_model_name`"
    )


def decide_architecture(settings: DetectorConfig, source: Source) -> Architecture:
    """Return the transformers config of the network that `source` fills.

    A folder or repository brings its own. A lone file does not: it is taken from `architecture` in the YAML, else
    from the config of `huggingface_model_name`, whose weights are not fetched.

    Raises:
        ConfigError: A lone file, and the YAML says neither.
        WeightsError: That config cannot be had, or asks for what is not taken.
    """
    if source.folder is not None:
        path = source.folder / "config.json"
        values = read_json(path)
        if backbone := gend_backbone(values):
            return checked(resolve_config(backbone), f"the config.json of {backbone}", lent=True)
        return checked(values, str(path), of_weights=True)
    if settings.architecture is not None:
        return checked(settings.architecture, f"`architecture` in {settings.file or 'the detector YAML'}")
    if settings.huggingface_model_name:
        name = settings.huggingface_model_name
        return checked(resolve_config(name), f"the config.json of {name}", lent=True)
    raise ConfigError(
        f"{source.spec} holds parameters but no architecture; set `huggingface_model_name` to the model it was "
        f"trained from, or write its transformers config under `architecture`, in the detector YAML"
    )


def gend_backbone(values: Mapping[str, Any]) -> str | None:
    """Return the CLIP that a config.json of GenD's names for its architecture and images; None for any other config."""
    backbone = values.get("backbone") if str(values.get("model_type")).lower() == "gend" else None
    return backbone if isinstance(backbone, str) else None


def processor_folder(source: Source) -> Path | None:
    """Return where the JSON lies that says how images are prepared: beside the weights, or what GenD was made of."""
    if source.folder is None or not (source.folder / "config.json").is_file():
        return source.folder
    backbone = gend_backbone(read_json(source.folder / "config.json"))
    beside = [resolve_beside(backbone, name) for name in PROCESSOR_FILES] if backbone else []
    return next((path.parent for path in beside if path is not None), source.folder)


def decide_preprocess(
    settings: DetectorConfig, folder: Path | None, input_size: tuple[int, int] | None
) -> PreprocessSpec:
    """Return how frames are prepared: the checkpoint's own JSON, else the YAML's `resolution`, `mean` and `std`.

    A lone `.pth` has no JSON; it was trained by DeepfakeBench's loader or ours on what the YAML says. Single fields of
    `preprocess` in the YAML win over both, and a complete `preprocess` stands alone.

    Raises:
        ConfigError: Neither says, or frames would come out in another size than the network takes.
    """
    spec = spec_from_block(settings.preprocess)
    if spec is None and folder is not None:
        spec = spec_from_checkpoint(folder)
    if spec is None:
        if settings.resolution is None or settings.mean is None or settings.std is None:
            raise ConfigError(
                f"nothing says how images are prepared for {settings.model_name!r}: the weights bring no "
                f"preprocessor_config.json; set `resolution`, `mean` and `std` in the detector YAML"
            )
        spec = spec_from_host_keys(settings.resolution, settings.mean, settings.std)
    spec = override(spec, settings.preprocess)
    size = output_size(spec)
    if size is None:
        raise ConfigError(
            f"the preprocessing of {spec.source} gives images of varying size; set `preprocess: "
            f"{{resize: exact, size: [height, width]}}` in the detector YAML"
        )
    if input_size is not None and size != input_size:
        raise ConfigError(
            f"the preprocessing of {spec.source} gives {size[0]}x{size[1]} images and this network takes "
            f"{input_size[0]}x{input_size[1]}; set `resolution`, or `size` under `preprocess`, in the detector YAML"
        )
    return spec
