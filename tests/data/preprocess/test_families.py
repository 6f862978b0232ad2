"""What a processor's JSON leaves out is what transformers' own class takes for it, under the version that is here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import transformers
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.preprocess.families import FAMILIES, FAMILY_OF_MODEL, FLAGS
from deepfakebench_ext.data.preprocess.normalising import normalised
from deepfakebench_ext.data.preprocess.processor_json import spec_from_checkpoint
from deepfakebench_ext.data.preprocess.transform import resize_and_crop

KEYS = {"crop_pct", "crop_size", "image_mean", "image_std", "resample", "rescale_factor", "size", *FLAGS}
BACKEND: dict[str, Any] = {"use_fast": False} if transformers.__version__.startswith("4") else {"backend": "pil"}

_OF_TORCHVISION = {"BaseImageProcessorFast", "TorchvisionBackend"}


def whole_json(family: str) -> dict[str, Any]:
    """All that the class of a family says of itself."""
    names = (f"{family}ImageProcessorPil", f"{family}ImageProcessor")
    cls = next((getattr(transformers, name, None) for name in names if hasattr(transformers, name)), None)
    try:
        said = cls().to_dict()
    except (ImportError, TypeError):
        pytest.skip(f"this transformers has no {family}ImageProcessor without torchvision")
    values = {key: value for key, value in said.items() if key in KEYS and value is not None}
    return {**values, "resample": int(values["resample"]), "image_processor_type": f"{family}ImageProcessor"}


def assert_alike(folder: Path, values: dict[str, Any], config: dict[str, Any] | None = None) -> None:
    """Ours are theirs, or we refuse by name; where theirs fail, nothing is asked of ours."""
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    (folder / "config.json").write_text(json.dumps(config or {}))
    photo = np.asarray(Image.open(tiny.photo(folder / "a.png", size=(97, 61))))
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(str(folder), **BACKEND)
        theirs = np.asarray(processor(Image.fromarray(photo), return_tensors="np")["pixel_values"])
    except ImportError:
        pytest.skip("this transformers reads no processor's JSON without torchvision")
    except (ValueError, TypeError, AttributeError, LookupError):
        return
    if _OF_TORCHVISION & {cls.__name__ for cls in type(processor).__mro__}:
        pytest.skip("this transformers has this processor for torchvision alone, which resamples otherwise than Pillow")
    try:
        spec = spec_from_checkpoint(folder)
    except ConfigError:
        return
    assert spec is not None
    ours = normalised(resize_and_crop(photo, spec), spec)
    np.testing.assert_allclose(ours, theirs.reshape(ours.shape), atol=1e-5, rtol=1e-6, err_msg=str(values))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_key_may_be_left_out_and_every_flag_turned(family: str, tmp_path: Path) -> None:
    values = whole_json(family)
    assert_alike(tmp_path, values)
    for key in values.keys() - {"image_processor_type"}:
        assert_alike(tmp_path, {name: value for name, value in values.items() if name != key})
        if key in FLAGS:
            assert_alike(tmp_path, {**values, key: not values[key]})
            assert_alike(tmp_path, {**values, key: None})
    assert_alike(tmp_path, {"image_processor_type": f"{family}ImageProcessor"})


# What a class passes over, version 4 says so.
@pytest.mark.filterwarnings("ignore:The following named arguments are not valid")
@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_of_every_spelling_and_keys_without_a_meaning_give_the_same_pixels(family: str, tmp_path: Path) -> None:
    values = whole_json(family)
    for size in (64, {"shortest_edge": 64}, {"height": 64, "width": 64}, {"height": 64, "width": 48}):
        assert_alike(tmp_path, {**values, "size": size})
    for change in ({"offset": True}, {"rescale_factor": 1 / 127.5}, {"crop_size": 40}, {"crop_pct": 0.8}):
        assert_alike(tmp_path, {**values, **change})
    turned = [{"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}]
    if not transformers.__version__.startswith("4."):  # whose classes pass over a crop that they do not make by default
        turned.append({"do_center_crop": True, "crop_size": {"height": 40, "width": 32}})
    for flags in turned:
        assert_alike(tmp_path, {**values, **flags})
    feature_extractor = {
        key: value for key, value in values.items() if key not in ("image_processor_type", "crop_size")
    }
    assert_alike(tmp_path, {**feature_extractor, "size": 224, "feature_extractor_type": f"{family}FeatureExtractor"})


@pytest.mark.parametrize("kind", FAMILY_OF_MODEL)
def test_a_json_that_names_no_class_is_read_by_the_model_type(kind: str, tmp_path: Path) -> None:
    family = FAMILY_OF_MODEL[kind]
    if family not in FAMILIES:
        pytest.skip(f"{family} is refused")
    values = whole_json(family)
    assert_alike(
        tmp_path, {key: value for key, value in values.items() if key != "image_processor_type"}, {"model_type": kind}
    )


# What must be read, not refused: the cases above pass over a refusal.
READ = {
    "PoolFormer without crop_pct": ({"image_processor_type": "PoolFormerImageProcessor"}, "shortest_edge", (248, 248)),
    "LeViT": ({"image_processor_type": "LevitImageProcessor"}, "shortest_edge", (256, 256)),
    "an old VideoMAE": (
        {"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 224},
        "shortest_edge",
        (224, 224),
    ),
    "ViT with an offset": ({"image_processor_type": "ViTImageProcessor", "offset": True}, "exact", (224, 224)),
    "MobileViT": ({"image_processor_type": "MobileViTImageProcessor", "resample": 2}, "shortest_edge", (224, 224)),
    "EfficientNet": ({"image_processor_type": "EfficientNetImageProcessor", "resample": 3}, "exact", (346, 346)),
}


@pytest.mark.parametrize("name", READ)
def test_these_are_read(name: str, tmp_path: Path) -> None:
    values, resize, size = READ[name]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    spec = spec_from_checkpoint(tmp_path)
    assert spec is not None
    assert (spec.resize, spec.size, spec.offset) == (resize, size, 0.0)
    assert spec.channels == ("bgr" if name == "MobileViT" else "rgb")
    assert spec.std == ((0.25, 0.25, 0.25) if name == "EfficientNet" else spec.std)
