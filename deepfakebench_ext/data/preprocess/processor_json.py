"""A checkpoint's own preprocessing: the JSON that transformers' image processors save, read without transformers.

Reading it here, and not through AutoImageProcessor, keeps the numbers the same under every version of transformers and
without torchvision. What cannot be reproduced is refused by name, never approximated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.json_files import read_object
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.data.preprocess.families import (
    FAMILIES,
    FAMILY_OF_MODEL,
    FLAGS,
    PLAIN,
    REFUSED,
    UNKNOWN,
    UNSUPPORTED,
    Family,
)
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
from deepfakebench_ext.data.preprocess.timm_config import timm_spec

# Files and keys in the order in which transformers prefers them.
_PLACES = (
    ("processor_config.json", "image_processor"),
    ("processor_config.json", "video_processor"),
    ("preprocessor_config.json", None),
    ("video_preprocessor_config.json", None),
)
# What `dfb-ext train` writes beside transformers' keys: the `preprocess:` block of a YAML, which says it exactly.
OWN_BLOCK = "deepfakebench_ext"
_SHOWN_LETTERS = 120
_REMEDY = (
    "say it yourself: a `preprocess:` block with resize, size, crop, resample, mean and std in the detector YAML is "
    "used in place of this file"
)


@dataclass(frozen=True, slots=True)
class _Processor:
    """One processor's JSON: its values without the nulls, its file and class for errors, and its family."""

    values: dict[str, Any]
    where: str
    name: str
    family: Family

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
    `preprocessor_config.json`, `video_preprocessor_config.json`, and the `config.json` of a folder that timm pushed.
    What a JSON leaves out, and what it sets to null, is the default of its class in transformers; flags set to null
    are off.

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
        if values is not None and "pretrained_cfg" in values:
            return timm_spec(_object(values["pretrained_cfg"], f"{folder / name}: pretrained_cfg"), str(folder / name))
        if values is not None:
            return _spec(_processor(values, folder / name), name if key is None else f"{name}: {key}")
    config = _read_object(folder / "config.json") or {}
    if isinstance(config.get("architecture"), str) and "pretrained_cfg" in config:
        where = f"{folder / 'config.json'}: pretrained_cfg"
        return timm_spec(_object(config["pretrained_cfg"], where), where)
    return None


def _own(block: object, path: Path) -> PreprocessSpec:
    spec = spec_from_block(_object(block, f"{path}: {OWN_BLOCK}"))
    if spec is None:
        raise ConfigError(f"{path}: {OWN_BLOCK} leaves something of the preprocessing open; {_REMEDY}")
    return replace(spec, source=path.name)


def _read_object(path: Path) -> dict[str, Any] | None:
    try:
        return read_object(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} is not readable JSON ({error}); fetch or save the checkpoint again") from error


def _nested(values: dict[str, Any], key: str, path: Path) -> dict[str, Any] | None:
    return _object(values[key], f"{path}: {key}") if values.get(key) is not None else None


def _class_of(values: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """Return the name of the processor's class and its family: its own, else what config.json's model type has."""
    keys = ("image_processor_type", "video_processor_type", "feature_extractor_type")
    named = next((key for key in keys if values.get(key)), None)
    if named is not None and not isinstance(values[named], str):
        raise ConfigError(f"{path}: {named} {printable(repr(values[named]))[:_SHOWN_LETTERS]} is no name of a class")
    name = values[named] if named else ""
    if not name:
        kind = (_read_object(path.parent / "config.json") or {}).get("model_type")
        family = FAMILY_OF_MODEL.get(str(kind), "")
        return (f"no processor type, of a {kind}" if family else "no processor type"), family
    family = re.sub(r"((Image|Video)Processor(Fast|Pil)?|FeatureExtractor)$", "", name)
    return name[:_SHOWN_LETTERS], {"Deit": "DeiT"}.get(family, family)


def _object(values: object, where: str) -> dict[str, Any]:
    if isinstance(values, dict):
        return values
    raise WeightsError(f"{where} holds {type(values).__name__}, not a JSON object; fetch or save the checkpoint again")


def _processor(values: dict[str, Any], path: Path) -> _Processor:
    name, family = _class_of(values, path)
    stated = {key: value for key, value in values.items() if value is not None}
    # A flag that is null is off under every version of transformers; other nulls are the class's default.
    stated |= {key: False for key, value in values.items() if value is None and key in FLAGS}
    if family == "PoolFormer" and values.get("crop_pct", 1.0) is None:
        stated["crop_pct"] = 1.0  # its class enlarges by nothing then
    processor = _Processor(stated, str(path), name, FAMILIES.get(family, UNKNOWN))
    if family in REFUSED or (family == "DINOv3ViT" and stated.get("resample", 2) != 2):
        raise processor.error("is a processor that this transform does not reproduce")
    _refuse_unsupported(processor)
    return processor


def _refuse_unsupported(processor: _Processor) -> None:
    family = processor.family
    understood = {"do_flip_channel_order": family.flips, "include_top": family.twice}
    understood["rescale_offset"] = family.offset is not None and family.offset[0] == "rescale_offset"
    understood["crop_pct"] = family.crop_pct or family.enlarged is not None
    for key, value in processor.values.items():
        unsupported = key in UNSUPPORTED and not understood.get(key, False)
        unknown = family is UNKNOWN and key not in PLAIN
        if (unsupported or unknown) and value is not False:
            raise processor.error(f"has {key} {value!r}, which this transform does not do")


def _spec(processor: _Processor, source: str) -> PreprocessSpec:
    resize, size = _resize(processor)
    crop = _crop(processor)
    if processor.family.crop_pct and resize != "none":
        resize, size, crop = _by_crop_pct(processor, resize, size, crop)
    elif processor.family.enlarged is not None and size is not None:
        resize, size = _enlarged(processor, resize, size)
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
        channels="bgr" if processor.family.flips and processor.flag("do_flip_channel_order", True) else "rgb",
        source=source,
    )


def _enlarged(processor: _Processor, resize: Resize, size: tuple[int, int]) -> tuple[Resize, tuple[int, int]]:
    """Apply PoolFormer's and LeViT's rule: a larger edge is resized to than `size` says, and cropped from."""
    enlarged = processor.family.enlarged
    crop_pct = positive_of(processor.get("crop_pct", 0.9), f"{processor.where}: crop_pct")
    is_poolformer = "crop_pct" in processor.values or processor.family is FAMILIES["PoolFormer"]
    if enlarged is None or (resize == "exact" and not is_poolformer):
        return resize, size
    edges = [edge_of(int(min(enlarged(edge, crop_pct), 1e9)), f"{processor.where}: size") for edge in size]
    # PoolFormer takes a square for its edge.
    return ("shortest_edge" if edges[0] == edges[1] else resize), (edges[0], edges[1])


def _resize(processor: _Processor) -> tuple[Resize, tuple[int, int] | None]:
    if not processor.flag("do_resize", True):
        return "none", None
    size, where = processor.get("size", processor.family.size), f"{processor.where}: size"
    if isinstance(size, dict):
        return _resize_to(processor, size)
    if isinstance(size, list) and len(size) == 2 and size[0] == size[1]:
        return "exact", pair_of(size, where)
    meaning = processor.family.int_size or (None if "size" in processor.values else "exact")
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
    never = silent if processor.family is UNKNOWN else processor.family.crop is None
    if never or not processor.flag("do_center_crop", processor.family.center_crop):
        return None
    size, where = processor.get("crop_size", processor.family.crop), f"{processor.where}: crop_size"
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
    key, default = processor.family.offset or ("", False)  # other classes pass over such a key
    has_offset = bool(key) and processor.flag(key, default and do_rescale)
    if has_offset and not do_rescale and key == "offset":
        raise processor.error("has offset true and do_rescale false, which contradict each other")
    if not do_rescale:
        return 1.0, 0.0
    factor = processor.get("rescale_factor", processor.family.rescale_factor)
    return positive_of(factor, f"{processor.where}: rescale_factor"), float(has_offset)


def _statistics(processor: _Processor) -> tuple[Triple, Triple]:
    family = processor.family
    normalises = not family.flips and processor.flag("do_normalize", True)  # MobileViT's class has no statistics
    twice = family.twice and processor.flag("include_top", True)
    if not (normalises or twice):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    mean, std = processor.get("image_mean", family.mean), processor.get("image_std", family.std)
    if mean is None or std is None:
        raise processor.error("does not say image_mean and image_std")
    where = processor.where
    means, stds = triple_of(mean, f"{where}: image_mean"), positive_triple_of(std, f"{where}: image_std")
    if normalises and twice:  # (x - mean) / std / std, as EfficientNet's include_top means it
        red, green, blue = (number * number for number in stds)
        return means, (red, green, blue)
    return (means if normalises else (0.0, 0.0, 0.0)), stds
