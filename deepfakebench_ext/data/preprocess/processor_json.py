"""A checkpoint's own preprocessing: the JSON that transformers' image processors save, read without transformers.

Reading it here, and not through AutoImageProcessor, keeps the numbers the same under every version of transformers and
without torchvision. What cannot be reproduced is refused by name, never approximated.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.data.preprocess.spec import (
    RESAMPLES,
    PreprocessSpec,
    Resample,
    Resize,
    Triple,
    edge_of,
    pair_of,
    positive_of,
    positive_triple_of,
    spec_from_block,
    triple_of,
)

# Files and keys in the order in which transformers prefers them.
_PLACES = (
    ("processor_config.json", "image_processor"),
    ("processor_config.json", "video_processor"),
    ("preprocessor_config.json", None),
    ("video_preprocessor_config.json", None),
)
# What `dfb-ext train` writes beside transformers' keys: the `preprocess:` block of a YAML, which says it exactly.
OWN_BLOCK = "deepfakebench_ext"
_REMEDY = (
    "say it yourself: a `preprocess:` block with resize, size, crop, resample, mean and std in the detector YAML is "
    "used in place of this file"
)


@dataclass(frozen=True, slots=True)
class _Family:
    """What a processor class does where its JSON is silent; None where transformers 4.57 and 5.23 disagree.

    Attributes:
        int_size: What a bare number as `size` means.
        resample: Default filter.
        center_crop: Default of `do_center_crop`.
        rescale_factor: Default of `rescale_factor`.
        offset: Default of `offset`.
        crop_pct: Whether it follows ConvNeXt's rule of resizing by `crop_pct`.
    """

    int_size: Literal["shortest_edge", "exact"] | None
    resample: Resample | None
    center_crop: bool | None
    rescale_factor: float = 1 / 255
    offset: bool = False
    crop_pct: bool = False


_FAMILIES = {
    "Beit": _Family("exact", "bicubic", None),
    "Bit": _Family("shortest_edge", "bicubic", True),  # also DINOv2, Hiera, FocalNet
    "Blip": _Family("exact", "bicubic", False),
    "CLIP": _Family("shortest_edge", "bicubic", True),
    "ChineseCLIP": _Family("shortest_edge", "bicubic", True),
    "ConvNext": _Family("shortest_edge", None, False, crop_pct=True),  # also ResNet, RegNet, VAN, CvT
    # transformers resizes for DINOv3 in float and does not round: one level at most with bilinear, its default, but
    # 16 with bicubic, which is refused.
    "DINOv3ViT": _Family("exact", "bilinear", False),
    "DeiT": _Family("exact", "bicubic", True),
    "MobileNetV1": _Family("shortest_edge", "bilinear", True),
    "MobileNetV2": _Family("shortest_edge", "bilinear", True),
    "Pvt": _Family("exact", None, False),
    "Segformer": _Family("exact", "bilinear", False),
    "Siglip": _Family(None, "bicubic", False),
    "Timesformer": _Family("shortest_edge", "bilinear", True),
    "ViT": _Family("exact", "bilinear", False),  # also Swin, DINO, I-JEPA
    "VideoMAE": _Family("shortest_edge", "bilinear", True),  # also TimeSformer's image processor
    "Vivit": _Family("shortest_edge", "bilinear", True, rescale_factor=1 / 127.5, offset=True),
}
_UNKNOWN = _Family(None, None, None)
# Their JSON looks like the others', and their code does something else with it.
_REFUSED = ("DepthPro", "Levit", "Perceiver")
# fmt: off
# Keys that change pixels in ways that are not reproduced here, in whatever family, unless null or false.
_UNSUPPORTED = frozenset((
    "do_flip_channel_order", "do_grayscale", "do_pad", "do_thumbnail", "include_top", "rescale_offset",
    "use_square_size",
))
# Keys that an unknown family may carry: those read here, and those that change no pixel of an RGB image. The JSON of a
# known family may carry any others too; transformers passes over them.
_PLAIN = frozenset((
    "size", "crop_size", "resample", "do_resize", "do_center_crop", "do_rescale", "rescale_factor", "offset",
    "do_normalize", "image_mean", "image_std",
    "_processor_class", "_valid_processor_keys", "auto_map", "data_format", "default_to_square", "device",
    "disable_grouping", "do_convert_rgb", "do_reduce_labels", "do_sample_frames", "feature_extractor_type", "fps",
    "image_processor_type", "image_seq_length", "input_data_format", "model_input_names", "num_channels", "num_frames",
    "processor_class", "reduce_labels", "return_metadata", "return_tensors", "video_metadata", "video_processor_type",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class _Processor:
    """One processor's JSON: its values without the nulls, its file and class for errors, and its family."""

    values: dict[str, Any]
    where: str
    name: str
    family: _Family

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def flag(self, key: str, default: bool | None) -> bool:
        value = self.values.get(key, default)
        if isinstance(value, bool):
            return value
        raise self.error(f"has {key} {value!r}, which must be true or false")

    def error(self, problem: str) -> ConfigError:
        return ConfigError(f"{self.where} ({self.name}) {problem}; {_REMEDY}")


def spec_from_checkpoint(folder: Path) -> PreprocessSpec | None:
    """Return what the processor's JSON in a checkpoint's folder asks for, or None when there is no such file.

    Looked at, first found wins: `processor_config.json` (its `image_processor`, then its `video_processor`),
    `preprocessor_config.json`, `video_preprocessor_config.json`. What a JSON leaves out, and what it sets to null, is
    the default of its class in transformers.

    Raises:
        ConfigError: The JSON asks for something this transform does not do, or leaves open what it needs.
        WeightsError: The file is not a JSON object.

    Source:
        transformers 5.23 and 4.57.6, models/*/image_processing_*.py (defaults); image_processing_backends.py (order).
    """
    for name, key in _PLACES:
        values = _read_object(folder / name)
        if values is not None and key is not None:
            values = _nested(values, key, folder / name)
        if values is not None and OWN_BLOCK in values:
            return _own(values[OWN_BLOCK], folder / name)
        if values is not None:
            return _spec(_processor(values, folder / name), name if key is None else f"{name}: {key}")
    return None


def _own(block: object, path: Path) -> PreprocessSpec:
    spec = spec_from_block(_object(block, f"{path}: {OWN_BLOCK}"))
    if spec is None:
        raise ConfigError(f"{path}: {OWN_BLOCK} leaves something of the preprocessing open; {_REMEDY}")
    return replace(spec, source=path.name)


def _read_object(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(regular(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not readable JSON ({error}); fetch or save the checkpoint again") from error
    return _object(values, str(path))


def _nested(values: dict[str, Any], key: str, path: Path) -> dict[str, Any] | None:
    return _object(values[key], f"{path}: {key}") if values.get(key) is not None else None


def _object(values: object, where: str) -> dict[str, Any]:
    if isinstance(values, dict):
        return values
    raise WeightsError(f"{where} holds {type(values).__name__}, not a JSON object; fetch or save the checkpoint again")


def _processor(values: dict[str, Any], path: Path) -> _Processor:
    keys = ("image_processor_type", "video_processor_type", "feature_extractor_type")
    name = next((str(values[key]) for key in keys if values.get(key)), "no processor type")
    family = re.sub(r"((Image|Video)Processor(Fast|Pil)?|FeatureExtractor)$", "", name)
    stated = {key: value for key, value in values.items() if value is not None}
    processor = _Processor(stated, str(path), name, _FAMILIES.get(family, _UNKNOWN))
    if family in _REFUSED or (family == "DINOv3ViT" and stated.get("resample", 2) != 2):
        raise processor.error("is a processor that this transform does not reproduce")
    _refuse_unsupported(processor)
    return processor


def _refuse_unsupported(processor: _Processor) -> None:
    for key, value in processor.values.items():
        unsupported = key in _UNSUPPORTED or (key == "crop_pct" and not processor.family.crop_pct)
        unknown = processor.family is _UNKNOWN and key not in _PLAIN
        if (unsupported or unknown) and value is not False:
            raise processor.error(f"has {key} {value!r}, which this transform does not do")


def _spec(processor: _Processor, source: str) -> PreprocessSpec:
    resize, size = _resize(processor)
    crop = _crop(processor)
    if processor.family.crop_pct and resize != "none":
        resize, size, crop = _by_crop_pct(processor, resize, size, crop)
    rescale_factor, offset = _rescale(processor)
    mean, std = _statistics(processor)
    resample = _resample(processor) if resize != "none" else "bilinear"
    return PreprocessSpec(
        resize=resize,
        size=size,
        crop=crop,
        resample=resample,
        mean=mean,
        std=std,
        rescale_factor=rescale_factor,
        offset=offset,
        source=source,
    )


def _resize(processor: _Processor) -> tuple[Resize, tuple[int, int] | None]:
    if not processor.flag("do_resize", True):
        return "none", None
    size, where = processor.get("size"), f"{processor.where}: size"
    if isinstance(size, dict):
        return _resize_to(processor, size)
    if isinstance(size, list) and len(size) == 2 and size[0] == size[1]:
        return "exact", pair_of(size, where)
    meaning = processor.family.int_size
    if meaning is None or size is None or isinstance(size, list):
        raise processor.error(f"has size {size!r}, which does not say how images are resized")
    return meaning, pair_of(size, where)


def _resize_to(processor: _Processor, size: dict[str, Any]) -> tuple[Resize, tuple[int, int]]:
    stated = {key: value for key, value in size.items() if value is not None}
    if stated.keys() == {"shortest_edge"}:
        return "shortest_edge", pair_of(stated["shortest_edge"], f"{processor.where}: size")
    if stated.keys() == {"height", "width"}:
        return "exact", _height_width(stated, f"{processor.where}: size")
    raise processor.error(f"has size {size!r}; understood are shortest_edge alone, or height and width")


def _crop(processor: _Processor) -> tuple[int, int] | None:
    silent = "do_center_crop" not in processor.values and "crop_size" not in processor.values
    if (silent and processor.family is _UNKNOWN) or not processor.flag("do_center_crop", processor.family.center_crop):
        return None
    size, where = processor.get("crop_size"), f"{processor.where}: crop_size"
    if isinstance(size, dict) and size.keys() == {"height", "width"}:
        return _height_width(size, where)
    if size is None or isinstance(size, dict):
        raise processor.error(f"has do_center_crop true and crop_size {size!r}, which is not a height and a width")
    return pair_of(size, where)


def _height_width(size: dict[str, Any], where: str) -> tuple[int, int]:
    return edge_of(size["height"], where), edge_of(size["width"], where)


def _by_crop_pct(
    processor: _Processor, resize: Resize, size: tuple[int, int] | None, crop: tuple[int, int] | None
) -> tuple[Resize, tuple[int, int], tuple[int, int] | None]:
    """Apply ConvNeXt's rule: below 384, enlarge the shortest edge by 1 / crop_pct and crop; from 384 on, squeeze."""
    if resize != "shortest_edge" or size is None:
        raise processor.error("has a size without shortest_edge, which its class does not take")
    if size[0] >= 384:
        return "exact", size, crop
    if crop is not None:
        raise processor.error("has do_center_crop true beside crop_pct: two crops, one after the other")
    crop_pct = positive_of(processor.get("crop_pct", 224 / 256), f"{processor.where}: crop_pct")
    edge = edge_of(int(min(size[0] / crop_pct, 1e9)), f"{processor.where}: size / crop_pct")
    return "shortest_edge", (edge, edge), size


def _resample(processor: _Processor) -> Resample:
    number = processor.get("resample")
    if number is None and processor.family.resample is not None:
        return processor.family.resample
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(RESAMPLES):
        return RESAMPLES[number]
    raise processor.error(f"has resample {number!r}, which is not one of PIL's filters 0 to {len(RESAMPLES) - 1}")


def _rescale(processor: _Processor) -> tuple[float, float]:
    """Return (rescale_factor, offset). JSONs from before `do_rescale` existed mean 1/255."""
    do_rescale = processor.flag("do_rescale", True)
    has_offset = processor.flag("offset", processor.family.offset and do_rescale)
    if has_offset and not do_rescale:
        raise processor.error("has offset true and do_rescale false, which contradict each other")
    if not do_rescale:
        return 1.0, 0.0
    factor = processor.get("rescale_factor", processor.family.rescale_factor)
    return positive_of(factor, f"{processor.where}: rescale_factor"), float(has_offset)


def _statistics(processor: _Processor) -> tuple[Triple, Triple]:
    if not processor.flag("do_normalize", True):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    mean, std = processor.get("image_mean"), processor.get("image_std")
    if mean is None or std is None:
        raise processor.error("does not say image_mean and image_std")
    where = processor.where
    return triple_of(mean, f"{where}: image_mean"), positive_triple_of(std, f"{where}: image_std")
