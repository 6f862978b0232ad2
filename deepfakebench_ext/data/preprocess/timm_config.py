"""The preprocessing that a folder pushed by timm asks for, in its `pretrained_cfg`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast, get_args

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.preprocess.spec import (
    PillowResample,
    PreprocessSpec,
    edge_of,
    positive_of,
    positive_triple_of,
    triple_of,
)

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIZE, _CROP_PCT = [3, 224, 224], 0.875
_REMEDY = "say it yourself with a complete `preprocess:` block in the detector YAML"


def timm_spec(values: Mapping[str, Any], where: str) -> PreprocessSpec:
    """Return the transform that timm makes of a `pretrained_cfg` for evaluation.

    Args:
        values: The block; what it leaves out or sets to null is timm's default.
        where: Names it in errors.

    Raises:
        ConfigError: A value of the wrong kind, or one of timm's ways that is not reproduced here.

    Source:
        timm 1.0, data/config.py `resolve_data_config`, data/transforms_factory.py `transforms_imagenet_eval`.
    """
    stated = {key: value for key, value in values.items() if value is not None}
    size = stated.get("input_size", _SIZE)
    if not isinstance(size, list) or len(size) != 3 or size[0] != 3 or size[1] != size[2]:
        raise ConfigError(f"{where}: input_size {size!r} is not [3, edge, edge]; {_REMEDY}")
    edge = edge_of(size[1], f"{where}: input_size")
    mode = stated.get("crop_mode", "center")
    if mode not in ("center", "squash"):
        raise ConfigError(f"{where}: crop_mode {mode!r} is not reproduced here; {_REMEDY}")
    resample = stated.get("interpolation", "bicubic")
    if resample not in get_args(PillowResample):
        raise ConfigError(f"{where}: interpolation {resample!r} is not one of Pillow's filters; {_REMEDY}")
    crop_pct = positive_of(stated.get("crop_pct", _CROP_PCT), f"{where}: crop_pct")
    scaled = edge_of(math.floor(min(edge / crop_pct, 1e9)), f"{where}: input_size / crop_pct")
    return PreprocessSpec(
        resize="shortest_edge" if mode == "center" else "exact",
        size=(scaled, scaled),
        crop=(edge, edge),
        resample=cast(PillowResample, resample),
        mean=triple_of(stated.get("mean", _MEAN), f"{where}: mean"),
        std=positive_triple_of(stated.get("std", _STD), f"{where}: std"),
        crop_rounding="even",
        source="config.json: pretrained_cfg",
    )
