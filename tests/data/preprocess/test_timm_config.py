"""What timm's `pretrained_cfg` asks for, beside the weights that timm pushed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.preprocess.processor_json import spec_from_checkpoint
from deepfakebench_ext.data.preprocess.transform import resize_and_crop

CFG: dict[str, Any] = {"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center"}


def spec_of(folder: Path, **changes: Any) -> Any:
    config = {"architecture": "resnet10t", "num_classes": 2, "pretrained_cfg": {**CFG, **changes}}
    (folder / "config.json").write_text(json.dumps(config))
    return spec_from_checkpoint(folder)


def test_the_edge_is_enlarged_by_crop_pct_and_cut_out_again(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, mean=[0.5, 0.5, 0.5], std=None)
    assert (spec.resize, spec.size, spec.crop, spec.resample) == ("shortest_edge", (235, 235), (224, 224), "bicubic")
    assert (spec.mean, spec.std) == ((0.5, 0.5, 0.5), (0.229, 0.224, 0.225))
    assert spec_of(tmp_path, crop_mode="squash").resize == "exact"
    assert spec_of(tmp_path, crop_pct=None).size == (256, 256)


@pytest.mark.parametrize(("edge", "first"), [(235, 6), (237, 6), (236, 6), (239, 8)])
def test_an_odd_margin_is_cut_as_torchvision_rounds_it(edge: int, first: int, tmp_path: Path) -> None:
    """11 / 2 and 13 / 2 are both 6, 15 / 2 is 8: half of it rounded to the even number."""
    spec = spec_of(tmp_path, crop_pct=224 / edge)
    ramp = np.broadcast_to(np.arange(edge, dtype=np.uint8)[None, :, None], (edge, edge, 3))
    assert spec.size == (edge, edge)
    assert int(resize_and_crop(np.ascontiguousarray(ramp), spec)[0, 0, 0]) == first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_size": [3, 224, 192]}, r"input_size \[3, 224, 192\] is not \[3, edge, edge\]"),
        ({"input_size": 224}, "input_size 224"),
        ({"crop_mode": "border"}, "crop_mode 'border' is not reproduced here"),
        ({"interpolation": "random"}, "interpolation 'random' is not one of Pillow's filters"),
        ({"crop_pct": 0}, r"crop_pct \(0\) must be above 0"),
        ({"crop_pct": 1e-9}, "input_size / crop_pct"),
        ({"std": [1, 1]}, "std .* must be three numbers"),
    ],
)
def test_what_is_not_reproduced_is_refused_by_name(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"config\.json: pretrained_cfg: {message}"):
        spec_of(tmp_path, **changes)
