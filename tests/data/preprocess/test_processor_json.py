from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.data.preprocess.processor_json import spec_from_checkpoint

HALF = [0.5, 0.5, 0.5]
# As the hub has them: openai/clip-vit-base-patch32, google/vit-base-patch16-224, facebook/convnext-tiny-224.
OLD_CLIP = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}
OLD_VIT = {
    "do_normalize": True,
    "do_resize": True,
    "image_mean": HALF,
    "image_std": HALF,
    "size": 224,
    "feature_extractor_type": "ViTFeatureExtractor",
}
OLD_CONVNEXT = {
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "ConvNextFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "size": 224,
}
OLD_VIVIT = {**OLD_CLIP, "feature_extractor_type": "VivitFeatureExtractor", "offset": True}
UNHEARD_OF = {
    "image_processor_type": "BrandNewImageProcessor",
    "size": {"height": 200, "width": 300},
    "resample": 2,
    "image_mean": HALF,
    "image_std": HALF,
}


def _save(folder: Path, values: object, name: str = "preprocessor_config.json") -> Path:
    (folder / name).write_text(json.dumps(values), encoding="utf-8")
    return folder


def _error(folder: Path, values: object) -> str:
    with pytest.raises(ConfigError) as error:
        spec_from_checkpoint(_save(folder, values))
    return str(error.value)


def test_a_folder_without_processor_has_no_spec(tmp_path) -> None:
    assert spec_from_checkpoint(tmp_path) is None


@pytest.mark.parametrize(
    ("values", "resize", "size", "crop", "resample"),
    [
        (OLD_CLIP, "shortest_edge", (224, 224), (224, 224), "bicubic"),
        (OLD_VIT, "exact", (224, 224), None, "bilinear"),
        ({**OLD_VIT, "size": [384, 384]}, "exact", (384, 384), None, "bilinear"),
        ({**OLD_VIT, "feature_extractor_type": "DeiTFeatureExtractor", "size": 256, "crop_size": 224},
         "exact", (256, 256), (224, 224), "bicubic"),
        ({**OLD_VIT, "feature_extractor_type": "VideoMAEFeatureExtractor", "crop_size": 224},
         "shortest_edge", (224, 224), (224, 224), "bilinear"),
        ({**OLD_VIT, "feature_extractor_type": "BeitFeatureExtractor", "do_center_crop": False},
         "exact", (224, 224), None, "bicubic"),
        (OLD_CONVNEXT, "shortest_edge", (256, 256), (224, 224), "bicubic"),
        ({**OLD_CONVNEXT, "size": 384}, "exact", (384, 384), None, "bicubic"),
        ({**OLD_CONVNEXT, "crop_pct": 0.9}, "shortest_edge", (248, 248), (224, 224), "bicubic"),
    ],
)  # fmt: skip
def test_a_bare_number_as_size_means_what_its_class_takes_it_for(
    tmp_path, values, resize, size, crop, resample
) -> None:
    spec = spec_from_checkpoint(_save(tmp_path, values))
    assert (spec.resize, spec.size, spec.crop, spec.resample) == (resize, size, crop, resample)


def test_a_json_from_before_do_rescale_means_one_over_255(tmp_path) -> None:
    spec = spec_from_checkpoint(_save(tmp_path, OLD_CLIP))
    assert (spec.rescale_factor, spec.offset) == (1 / 255, 0.0)
    assert spec.mean == (0.48145466, 0.4578275, 0.40821073)
    assert spec.source == "preprocessor_config.json"


def test_nulls_are_the_defaults_of_the_class(tmp_path) -> None:
    nulls = dict.fromkeys(
        ("do_center_crop", "crop_size", "resample", "rescale_factor", "do_pad", "offset", "image_mean", "image_std")
    )
    plain = spec_from_checkpoint(_save(tmp_path, OLD_VIT))
    assert spec_from_checkpoint(_save(tmp_path, {**OLD_VIT, **nulls})) == plain


@pytest.mark.parametrize(
    "name", ["ViTImageProcessor", "ViTImageProcessorFast", "ViTImageProcessorPil", "ViTVideoProcessor"]
)
def test_every_spelling_of_a_class_is_the_same_family(tmp_path, name) -> None:
    spec = spec_from_checkpoint(
        _save(tmp_path, {**OLD_VIT, "feature_extractor_type": None, "image_processor_type": name})
    )
    assert (spec.resize, spec.resample) == ("exact", "bilinear")


def test_nested_image_processor_wins_over_everything(tmp_path) -> None:
    _save(tmp_path, OLD_VIT)
    _save(tmp_path, {"image_processor": OLD_CLIP, "video_processor": OLD_VIT}, "processor_config.json")
    spec = spec_from_checkpoint(tmp_path)
    assert (spec.resize, spec.source) == ("shortest_edge", "processor_config.json: image_processor")


def test_nested_video_processor_counts_where_there_is_no_image_processor(tmp_path) -> None:
    _save(tmp_path, {"image_processor": None, "video_processor": OLD_VIT}, "processor_config.json")
    assert spec_from_checkpoint(tmp_path).source == "processor_config.json: video_processor"


def test_a_processor_config_that_nests_nothing_is_passed_over(tmp_path) -> None:
    _save(tmp_path, {"processor_class": "CLIPProcessor"}, "processor_config.json")
    _save(tmp_path, OLD_CLIP)
    assert spec_from_checkpoint(tmp_path).source == "preprocessor_config.json"


def test_the_video_processors_own_file_comes_last(tmp_path) -> None:
    video = {
        **OLD_VIT,
        "video_processor_type": "VideoMAEVideoProcessor",
        "size": {"shortest_edge": 224},
        "crop_size": 200,
    }
    _save(tmp_path, video, "video_preprocessor_config.json")
    spec = spec_from_checkpoint(tmp_path)
    assert (spec.resize, spec.crop, spec.source) == ("shortest_edge", (200, 200), "video_preprocessor_config.json")
    _save(tmp_path, OLD_VIT)
    assert spec_from_checkpoint(tmp_path).source == "preprocessor_config.json"


def test_steps_that_are_switched_off_are_not_done(tmp_path) -> None:
    off = dict.fromkeys(("do_resize", "do_center_crop", "do_rescale", "do_normalize"), False)
    spec = spec_from_checkpoint(_save(tmp_path, {**OLD_CLIP, **off}))
    assert (spec.resize, spec.size, spec.crop) == ("none", None, None)
    assert (spec.rescale_factor, spec.offset, spec.mean, spec.std) == (1.0, 0.0, (0.0,) * 3, (1.0,) * 3)


def test_convnext_without_resizing_does_not_crop_either(tmp_path) -> None:
    spec = spec_from_checkpoint(_save(tmp_path, {**OLD_CONVNEXT, "do_resize": False}))
    assert (spec.resize, spec.crop) == ("none", None)


def test_vivit_subtracts_one_after_rescaling_unless_told_otherwise(tmp_path) -> None:
    vivit = {**OLD_CLIP, "feature_extractor_type": None, "image_processor_type": "VivitImageProcessor"}
    spec = spec_from_checkpoint(_save(tmp_path, vivit))
    assert (spec.rescale_factor, spec.offset) == (1 / 127.5, 1.0)
    assert spec_from_checkpoint(_save(tmp_path, {**vivit, "offset": False})).offset == 0.0
    assert spec_from_checkpoint(_save(tmp_path, {**vivit, "do_rescale": False})).offset == 0.0


def test_an_unheard_of_class_is_read_where_its_json_says_everything(tmp_path) -> None:
    spec = spec_from_checkpoint(_save(tmp_path, {**UNHEARD_OF, "do_pad": False, "do_convert_rgb": True}))
    assert (spec.resize, spec.size, spec.crop, spec.resample) == ("exact", (200, 300), None, "bilinear")
    cropped = {**UNHEARD_OF, "size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": 224}
    assert spec_from_checkpoint(_save(tmp_path, cropped)).crop == (224, 224)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 224}, "has size 224, which does not say how images are resized"),
        ({"size": None}, "has size None, which does not say how images are resized"),
        ({"resample": None}, "has resample None, which is not one of PIL's filters"),
        ({"crop_size": 224}, "has do_center_crop None, which must be true or false"),
        ({"longest_side": 5}, "has longest_side 5, which this transform does not do"),
        ({"do_flip_channel_order": True}, "has do_flip_channel_order True"),
        ({"size_divisor": 32}, "has size_divisor 32"),
    ],
)
def test_an_unheard_of_class_that_leaves_something_open_is_refused(tmp_path, change, message) -> None:
    error = _error(tmp_path, {**UNHEARD_OF, **change})
    assert f"(BrandNewImageProcessor) {message}" in error
    assert "a `preprocess:` block with resize, size, crop, resample, mean and std in the detector YAML" in error


@pytest.mark.parametrize("key", ["do_flip_channel_order", "include_top", "do_pad", "do_thumbnail", "use_square_size"])
def test_keys_that_change_pixels_otherwise_are_refused_in_known_classes_too(tmp_path, key) -> None:
    assert f"has {key} True, which this transform does not do" in _error(tmp_path, {**OLD_VIT, key: True})
    assert spec_from_checkpoint(_save(tmp_path, {**OLD_VIT, key: False})) is not None


@pytest.mark.parametrize(
    "name",
    [
        "TextNetImageProcessor",
        "PerceiverFeatureExtractor",
        "DepthProImageProcessorFast",
        "Swin2SRImageProcessor",
        "DonutFeatureExtractor",
        "Owlv2ImageProcessor",
        "ViltImageProcessorFast",
        "ZoeDepthImageProcessor",
    ],
)
def test_classes_whose_code_does_more_than_their_json_says_are_refused(tmp_path, name) -> None:
    error = _error(tmp_path, {**UNHEARD_OF, "image_processor_type": name})
    assert f"({name}) is a processor that this transform does not reproduce" in error


@pytest.mark.parametrize("name", [["ViTImageProcessor"], 5, {"a": 1}])
def test_a_type_that_is_no_text_is_refused(tmp_path, name) -> None:
    assert "image_processor_type" in (error := _error(tmp_path, {**OLD_VIT, "image_processor_type": name}))
    assert "is no name of a class" in error


def test_dinov3_is_read_with_its_own_filter_only(tmp_path) -> None:
    dinov3 = {**UNHEARD_OF, "image_processor_type": "DINOv3ViTImageProcessorFast"}
    assert spec_from_checkpoint(_save(tmp_path, dinov3)).resample == "bilinear"
    assert "does not reproduce" in _error(tmp_path, {**dinov3, "resample": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**OLD_VIT, "feature_extractor_type": "SiglipImageProcessor"}, "has size 224, which does not say"),
        ({**OLD_VIT, "size": [224, 256]}, "has size [224, 256], which does not say"),
        ({**OLD_VIT, "size": {"shortest_edge": 224, "longest_edge": 1333}}, "understood are shortest_edge alone"),
        ({**OLD_VIT, "size": {"longest_edge": 224}}, "understood are shortest_edge alone"),
        ({**OLD_VIT, "size": {"height": 224}}, "understood are shortest_edge alone"),
        ({**OLD_VIT, "size": {"height": 224, "width": "x"}}, "size ('x') must be a whole number of pixels"),
        ({**OLD_VIT, "size": -5}, "size (-5) must be a whole number of pixels"),
        ({**OLD_VIT, "resample": 6}, "has resample 6, which is not one of PIL's filters 0 to 5"),
        ({**OLD_VIT, "resample": True}, "has resample True, which is not one of PIL's filters"),
        ({**OLD_VIT, "do_resize": "yes"}, "has do_resize 'yes', which must be true or false"),
        ({**OLD_VIT, "crop_pct": 0.9}, "has crop_pct 0.9, which this transform does not do"),
        ({**OLD_VIT, "image_mean": [0.5]}, "image_mean ([0.5]) must be three numbers"),
        ({**OLD_VIT, "image_std": [0.5, 0, 0.5]}, "image_std ([0.5, 0, 0.5]) must be above 0"),
        ({**OLD_VIT, "rescale_factor": "1/255"}, "rescale_factor ('1/255') must be a finite number"),
        ({**OLD_VIT, "rescale_factor": 0}, "rescale_factor (0) must be above 0"),
        ({**OLD_VIT, "feature_extractor_type": "BeitFeatureExtractor"}, "has do_center_crop None"),
        ({**OLD_CLIP, "crop_size": {"shortest_edge": 224}}, "which is not a height and a width"),
        ({**OLD_VIVIT, "do_rescale": False}, "has offset true and do_rescale false"),
        ({**OLD_CONVNEXT, "resample": None}, "has resample None"),
        ({**OLD_CONVNEXT, "crop_pct": 0}, "crop_pct (0) must be above 0"),
        ({**OLD_CONVNEXT, "crop_pct": 5e-324}, "size / crop_pct (1000000000) must be a whole number of pixels"),
        ({**OLD_CONVNEXT, "do_center_crop": True, "crop_size": 200}, "two crops"),
        ({**OLD_CONVNEXT, "size": {"height": 224, "width": 224}}, "has a size without shortest_edge"),
    ],
)
def test_what_a_known_class_cannot_mean_is_an_error_that_names_it(tmp_path, values, message) -> None:
    assert message in _error(tmp_path, values)


@pytest.mark.parametrize("content", [b"<html>404</html>", b"", b"\xff\xfe", b"[" * 100_000, b"{'size': 224}"])
def test_a_file_that_is_not_json_is_named(tmp_path, content) -> None:
    (tmp_path / "preprocessor_config.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json is not readable JSON"):
        spec_from_checkpoint(tmp_path)


@pytest.mark.parametrize("values", [[OLD_VIT], "size", 224, None])
def test_json_that_is_not_an_object_is_named(tmp_path, values) -> None:
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json .*holds \w+, not a JSON object"):
        spec_from_checkpoint(_save(tmp_path, values))


def test_a_nested_processor_that_is_not_an_object_is_named(tmp_path) -> None:
    _save(tmp_path, {"image_processor": "CLIPImageProcessor"}, "processor_config.json")
    with pytest.raises(WeightsError, match=r"processor_config\.json: image_processor holds str"):
        spec_from_checkpoint(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path) -> None:
    (tmp_path / "preprocessor_config.json").mkdir()
    with pytest.raises(WeightsError, match="is not readable JSON"):
        spec_from_checkpoint(tmp_path)
