from __future__ import annotations

import dataclasses
import json

import PIL.Image
import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.preprocess.spec import (
    RESAMPLES,
    PreprocessSpec,
    output_size,
    override,
    spec_from_block,
    spec_from_host_keys,
)

CLIP = PreprocessSpec(
    resize="shortest_edge",
    size=(224, 224),
    crop=(224, 224),
    resample="bicubic",
    mean=(0.48, 0.46, 0.41),
    std=(0.27, 0.26, 0.28),
    source="preprocessor_config.json",
)
BLOCK = {"resize": "exact", "size": 256, "crop": None, "resample": "bilinear", "mean": 0.5, "std": [0.5, 0.4, 0.3]}


def test_dict_holds_plain_json_types_that_survive_a_round_trip() -> None:
    values = CLIP.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["size"] == [224, 224]
    assert values.keys() == {field.name for field in dataclasses.fields(PreprocessSpec)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (224, 224)),
        ({"crop": None}, None),
        ({"resize": "exact", "crop": None}, (224, 224)),
        ({"resize": "exact", "size": [200, 300], "crop": None}, (200, 300)),
        ({"resize": "none", "crop": None}, None),
        ({"resize": "none"}, (224, 224)),
    ],
)
def test_output_size_is_known_only_where_it_does_not_depend_on_the_image(changes, expected) -> None:
    assert output_size(override(CLIP, changes)) == expected


def test_host_keys_resize_exactly_without_keeping_the_aspect_ratio() -> None:
    spec = spec_from_host_keys(256, [0.5, 0.5, 0.5], (0.5, 0.5, 0.5))
    assert (spec.resize, spec.size, spec.crop, spec.resample) == ("exact", (256, 256), None, "opencv_bicubic")
    assert (spec.mean, spec.std, spec.rescale_factor, spec.offset) == ((0.5,) * 3, (0.5,) * 3, 1 / 255, 0.0)
    assert spec.source == "detector YAML: resolution, mean, std"


@pytest.mark.parametrize(
    ("resolution", "mean", "std", "message"),
    [
        (0, 0.5, 0.5, "resolution (0) must be a whole number of pixels from 1 to 8192"),
        ("224", 0.5, 0.5, "resolution ('224')"),
        (224, [0.5, 0.5], 0.5, "mean ([0.5, 0.5]) must be three numbers"),
        (224, 0.5, [0.5, 0.5, 0.0], "std ([0.5, 0.5, 0.0]) must be above 0 in every channel"),
    ],
)
def test_host_keys_of_the_wrong_kind_are_named(resolution, mean, std, message) -> None:
    with pytest.raises(ConfigError) as error:
        spec_from_host_keys(resolution, mean, std)
    assert message in str(error.value)


def test_override_changes_the_named_fields_alone_and_records_them() -> None:
    changed = override(CLIP, {"size": 336, "mean": [0, 0.5, 1]})
    assert changed == dataclasses.replace(CLIP, size=(336, 336), mean=(0.0, 0.5, 1.0), source=changed.source)
    assert changed.source == "preprocessor_config.json; overridden by preprocess: size, mean"
    assert all(isinstance(number, float) for number in changed.mean)


def test_override_with_nothing_is_the_spec_itself() -> None:
    assert override(CLIP, {}) is CLIP


def test_override_of_resize_by_none_drops_the_size() -> None:
    assert override(CLIP, {"resize": "none"}).size is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"reszie": "exact"}, "preprocess.reszie is not a key; did you mean resize?"),
        ({"zzz": 1}, "preprocess.zzz is not a key; Allowed: resize, size, crop"),
        ({"source": "me"}, "preprocess.source is not a key"),
        (
            {"resize": "exactly"},
            "preprocess.resize ('exactly') must be one of shortest_edge, exact, none; did you mean",
        ),
        ({"resize": ["exact"]}, "preprocess.resize (['exact']) must be one of"),
        ({"resample": 3}, "preprocess.resample (3) must be one of nearest, lanczos, bilinear"),
        ({"size": 0}, "preprocess.size (0) must be a whole number of pixels"),
        ({"size": 224.0}, "preprocess.size (224.0)"),
        ({"size": True}, "preprocess.size (True)"),
        ({"size": 8193}, "preprocess.size (8193)"),
        ({"size": None}, "preprocess.size (None)"),
        ({"size": [1, 2, 3]}, "preprocess.size ([1, 2, 3]) must be one number or [height, width]"),
        ({"crop": [224, -1]}, "preprocess.crop (-1)"),
        ({"mean": [0.1, 0.2]}, "preprocess.mean ([0.1, 0.2]) must be three numbers"),
        ({"mean": [0.1, 0.2, "x"]}, "preprocess.mean ('x') must be a finite number"),
        ({"mean": [0.1, 0.2, True]}, "preprocess.mean (True) must be a finite number"),
        ({"mean": float("nan")}, "preprocess.mean (nan) must be a finite number"),
        ({"mean": float("inf")}, "preprocess.mean (inf) must be a finite number"),
        ({"mean": 10**400}, "must be a finite number"),
        ({"std": 0}, "preprocess.std (0) must be above 0 in every channel"),
        ({"rescale_factor": 0}, "preprocess.rescale_factor (0) must be above 0"),
        ({"offset": "1"}, "preprocess.offset ('1') must be a finite number"),
        ({"size": [224, 256]}, "shortest_edge takes one number as size, not [224, 256]"),
        ({"resize": "none", "size": 224}, "resize 'none' has size (224, 224)"),
        ("exact", "preprocess ('exact') must be a block of keys"),
    ],
)
def test_override_refuses_what_it_cannot_do_and_says_what_is_allowed(values, message) -> None:
    with pytest.raises(ConfigError) as error:
        override(CLIP, values)
    assert message in str(error.value)


def test_resizing_again_after_none_needs_a_size() -> None:
    with pytest.raises(ConfigError, match="resize 'exact' has size None"):
        override(override(CLIP, {"resize": "none"}), {"resize": "exact"})


def test_a_whole_block_stands_alone() -> None:
    spec = spec_from_block(BLOCK)
    assert spec is not None
    assert (spec.resize, spec.size, spec.crop, spec.mean, spec.std) == (
        "exact",
        (256, 256),
        None,
        (0.5, 0.5, 0.5),
        (0.5, 0.4, 0.3),
    )
    assert (spec.rescale_factor, spec.offset, spec.source) == (1 / 255, 0.0, "detector YAML: preprocess")


@pytest.mark.parametrize("key", BLOCK)
def test_a_block_that_leaves_something_open_does_not_stand_alone(key) -> None:
    assert spec_from_block({name: value for name, value in BLOCK.items() if name != key}) is None


def test_a_block_may_ask_for_deepfakebenchs_resizing() -> None:
    spec = spec_from_block({**BLOCK, "resample": "opencv_bicubic"})
    assert spec is not None
    assert spec.resample == "opencv_bicubic"


def test_the_numbers_of_a_checkpoint_are_pillows_filters_alone() -> None:
    assert [PIL.Image.Resampling[name.upper()] for name in RESAMPLES] == list(range(6))


def test_a_block_without_resizing_needs_no_size() -> None:
    spec = spec_from_block({**{k: v for k, v in BLOCK.items() if k != "size"}, "resize": "none", "crop": 224})
    assert spec is not None
    assert (spec.size, spec.crop) == (None, (224, 224))


def test_a_block_with_a_misspelt_key_is_refused_before_anything_else() -> None:
    with pytest.raises(ConfigError, match="did you mean resample"):
        spec_from_block({"resampel": "bicubic"})
