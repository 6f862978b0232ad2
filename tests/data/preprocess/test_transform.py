from __future__ import annotations

import dataclasses
import importlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.data.preprocess.normalising import normalised
from deepfakebench_ext.data.preprocess.spec import RESAMPLES
from deepfakebench_ext.data.preprocess.transform import (
    PreprocessSpec,
    output_size,
    resize_and_crop,
    spec_from_checkpoint,
)

SQUARE = PreprocessSpec(resize="exact", size=(224, 224), crop=None, resample="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
HOST = dataclasses.replace(SQUARE, resample="opencv_bicubic", mean=(0.48145466, 0.5, 0.1), std=(0.26862954, 0.5, 0.3))
CENTRE = dataclasses.replace(SQUARE, resize="none", size=None, crop=(5, 4))

# transformers' processors: module, class, what differs from the class's defaults.
PROCESSORS = {
    "clip": ("clip", "CLIPImageProcessor", {}),
    "clip-larger-crop": ("clip", "CLIPImageProcessor", {"size": {"shortest_edge": 99}, "crop_size": 120}),
    "videomae": ("videomae", "VideoMAEImageProcessor", {"image_mean": [0.485, 0.456, 0.406]}),
    "vit": ("vit", "ViTImageProcessor", {}),
    "swin": ("vit", "ViTImageProcessor", {"resample": 3, "image_std": [0.229, 0.224, 0.225]}),
    "siglip": ("siglip", "SiglipImageProcessor", {"size": {"height": 384, "width": 384}}),
    "convnext-224": ("convnext", "ConvNextImageProcessor", {"size": {"shortest_edge": 224}}),
    "convnext-pct": ("convnext", "ConvNextImageProcessor", {"size": {"shortest_edge": 288}, "crop_pct": 0.95}),
    "convnext-384": ("convnext", "ConvNextImageProcessor", {}),
    "bit": ("bit", "BitImageProcessor", {}),
    "deit": ("deit", "DeiTImageProcessor", {}),
    "beit": ("beit", "BeitImageProcessor", {"do_center_crop": True, "size": {"height": 240, "width": 256}}),
    "vivit": ("vivit", "VivitImageProcessor", {}),
    "lanczos": ("vit", "ViTImageProcessor", {"resample": 1}),
    "no-steps": ("vit", "ViTImageProcessor", {"do_resize": False, "do_rescale": False, "do_normalize": False}),
}


def _reference(module: str, name: str, changes: dict[str, object]):
    """transformers' own processor, computing with Pillow: a class of its own since 5.0, the only one before."""
    try:
        home = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
        return getattr(home, f"{name}Pil")(**changes)
    except ModuleNotFoundError:
        home = importlib.import_module(f"transformers.models.{module}.image_processing_{module}")
        return getattr(home, name)(**changes)


def _photographs() -> dict[str, np.ndarray]:
    astronaut, coffee, chelsea, rocket = data.astronaut(), data.coffee(), data.chelsea(), data.rocket()
    return {
        "square": astronaut,
        "at-size": astronaut[10:234, 100:324],
        "landscape": coffee,
        "portrait": coffee[:, 150:400],
        "strip": rocket[200:236, 100:460],
        "column": rocket[60:410, 300:335],
        "odd": chelsea[:, :299],
        "slightly-small": astronaut[:221, :223],
        "small": chelsea[100:160, 120:210],
        "tiny": astronaut[100:105, 200:209],
        "large": np.asarray(Image.fromarray(coffee).resize((1200, 800), Image.Resampling.BICUBIC)),
    }


PHOTOGRAPHS = _photographs()


@pytest.mark.parametrize("processor", PROCESSORS)
def test_equals_transformers_on_photographs_of_any_aspect_ratio(tmp_path, processor) -> None:
    reference = _reference(*PROCESSORS[processor])
    reference.save_pretrained(tmp_path)
    spec = spec_from_checkpoint(tmp_path)
    for name, rgb in PHOTOGRAPHS.items():
        expected = np.asarray(reference([rgb], return_tensors="np")["pixel_values"]).squeeze()
        got = normalised(resize_and_crop(rgb, spec), spec)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5, err_msg=name)
        assert output_size(spec) in (None, got.shape[1:])


def test_a_crop_at_size_comes_out_exactly_as_it_is() -> None:
    crop = PHOTOGRAPHS["at-size"]
    for spec in (SQUARE, dataclasses.replace(SQUARE, resize="shortest_edge", crop=(224, 224))):
        np.testing.assert_array_equal(resize_and_crop(crop, spec), crop.transpose(2, 0, 1))


def test_resampling_is_antialiased_and_rounds_to_the_nearest_level() -> None:
    stripes = np.zeros((4, 8, 3), np.uint8)
    stripes[:, ::2] = 255, 100, 7
    spec = dataclasses.replace(SQUARE, size=(2, 2), resample="box")
    assert resize_and_crop(stripes, spec).tolist() == [[[128, 128]] * 2, [[50, 50]] * 2, [[4, 4]] * 2]


@pytest.mark.parametrize("resample", RESAMPLES)
def test_every_filter_is_pillows_of_that_name(resample) -> None:
    expected = Image.fromarray(PHOTOGRAPHS["small"]).resize((50, 40), Image.Resampling[resample.upper()])
    spec = dataclasses.replace(SQUARE, size=(40, 50), resample=resample)
    np.testing.assert_array_equal(resize_and_crop(PHOTOGRAPHS["small"], spec), np.array(expected).transpose(2, 0, 1))


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_deepfakebenchs_filter_is_opencvs_bicubic_without_antialiasing(photograph) -> None:
    rgb = PHOTOGRAPHS[photograph]
    expected = cv2.resize(rgb, (224, 224), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(resize_and_crop(rgb, HOST), expected.transpose(2, 0, 1))


def test_the_longer_edge_is_truncated_like_transformers_does() -> None:
    reference = importlib.import_module("transformers.image_transforms").get_resize_output_image_size
    spec = dataclasses.replace(SQUARE, resize="shortest_edge", size=(7, 7))
    for height, width in ((3, 3), (3, 5), (5, 3), (11, 10), (10, 11), (29, 30), (1, 40), (7, 9), (40, 39)):
        rgb = np.zeros((height, width, 3), np.uint8)
        expected = reference(rgb, 7, default_to_square=False, input_data_format="channels_last")
        assert resize_and_crop(rgb, spec).shape == (3, *expected)


def test_centre_crop_cuts_and_pads_like_transformers_does() -> None:
    reference = importlib.import_module("transformers.image_transforms").center_crop
    for height in range(1, 9):
        for width in range(1, 9):
            rgb = np.arange(1, height * width * 3 + 1, dtype=np.uint8).reshape(height, width, 3)
            expected = reference(rgb, (5, 4), input_data_format="channels_last")
            np.testing.assert_array_equal(resize_and_crop(rgb, CENTRE), expected.transpose(2, 0, 1))


def test_padding_is_zero_and_the_odd_row_goes_on_top() -> None:
    rgb = np.full((2, 4, 3), 9, np.uint8)
    assert resize_and_crop(rgb, CENTRE)[0].tolist() == [[0] * 4, [0] * 4, [9] * 4, [9] * 4, [0] * 4]


@pytest.mark.parametrize(
    "spec", [SQUARE, dataclasses.replace(SQUARE, size=(100, 100)), CENTRE, dataclasses.replace(HOST, size=(100, 100))]
)
def test_frames_may_be_read_only_or_reversed_views(spec) -> None:
    frame = PHOTOGRAPHS["at-size"].copy()
    expected = resize_and_crop(frame, spec)
    reversed_twice = frame[..., ::-1].copy()[..., ::-1]
    frame.flags.writeable = False
    for view in (frame, reversed_twice):
        assert np.array_equal(resize_and_crop(view, spec), expected)


@pytest.mark.parametrize("shape", [(224, 224, 3), (5, 4, 3), (1, 1, 3)])
def test_the_result_is_contiguous_and_owns_its_memory(shape) -> None:
    frame = np.full(shape, 3, np.uint8)
    pixels = resize_and_crop(frame, dataclasses.replace(SQUARE, size=shape[:2]))
    frame[:] = 8
    assert pixels.flags["C_CONTIGUOUS"]
    assert pixels.dtype == np.uint8
    assert (pixels == 3).all()


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.float32),
    ],
)
def test_what_is_not_an_rgb_frame_is_refused(frame) -> None:
    with pytest.raises(ValueError, match=r"it must be uint8 of shape \(H, W, 3\)"):
        resize_and_crop(frame, SQUARE)


def test_an_aspect_ratio_that_would_take_gigabytes_is_refused_unread() -> None:
    spec = dataclasses.replace(SQUARE, resize="shortest_edge", crop=(224, 224))
    with pytest.raises(MediaError, match="1x2000 pixels, resized to a shortest edge of 224, would be 448000 long"):
        resize_and_crop(np.zeros((2000, 1, 3), np.uint8), spec)


def test_normalising_maps_the_ends_of_the_scale_where_the_statistics_say() -> None:
    levels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 2).expand(3, 1, 2)
    spec = dataclasses.replace(SQUARE, mean=(0.5, 0.0, 1.0), std=(0.5, 1.0, 0.25))
    assert normalise(levels, spec).squeeze().tolist() == [[-1.0, 1.0], [0.0, 1.0], [-4.0, 0.0]]


def test_what_deepfakebenchs_loader_resizes_is_normalised_in_its_steps_bit_for_bit() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 256).expand(3, 1, 256)
    by_steps = levels.to(torch.float32).div(255)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (HOST.mean, HOST.std))
    expected = by_steps.sub(mean).div(std)
    assert torch.equal(normalise(levels, HOST), expected)
    # Folding the constants, as for all others, is close to it and not the same.
    folded = normalise(levels, dataclasses.replace(HOST, resample="bicubic"))
    torch.testing.assert_close(folded, expected, rtol=0, atol=1e-6)
    assert not torch.equal(folded, expected)


@pytest.mark.gpu
def test_a_gpu_normalises_as_the_cpu_does_bit_for_bit() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 256).expand(3, 1, 256)
    assert torch.equal(normalise(levels.cuda(), HOST).cpu(), normalise(levels, HOST))


def test_another_scale_or_offset_is_honoured_with_deepfakebenchs_filter_too() -> None:
    for change in ({"rescale_factor": 1 / 127.5}, {"offset": 1.0}):
        spec = dataclasses.replace(HOST, **change)
        levels = torch.full((3, 1, 1), 200, dtype=torch.uint8)
        expected = (200 * spec.rescale_factor - spec.offset - np.array(spec.mean)) / np.array(spec.std)
        np.testing.assert_allclose(normalise(levels, spec).flatten(), expected, rtol=1e-5)


def test_normalising_a_clip_is_normalising_its_frames() -> None:
    clip = torch.randint(0, 256, (2, 4, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for spec in (SQUARE, HOST):
        batch = normalise(clip, spec)
        assert batch.shape == clip.shape
        assert batch.dtype == torch.float32
        assert torch.equal(batch[1, 2], normalise(clip[1, 2], spec))


@pytest.mark.parametrize("spec", [SQUARE, HOST, dataclasses.replace(HOST, offset=1.0, rescale_factor=1 / 127.5)])
def test_numpy_normalises_as_torch_does_bit_for_bit(spec) -> None:
    clip = np.random.default_rng(0).integers(0, 256, (2, 4, 3, 6, 5), np.uint8)
    before = clip.copy()
    floats = normalised(clip, spec)
    assert (floats.dtype, floats.shape) == (np.float32, clip.shape)
    np.testing.assert_array_equal(floats, normalise(torch.from_numpy(clip), spec).numpy())
    np.testing.assert_array_equal(clip, before)


def test_normalising_leaves_its_input_alone() -> None:
    for spec in (SQUARE, HOST):
        for dtype in (torch.uint8, torch.float32):
            pixels = torch.full((3, 2, 2), 7, dtype=dtype)
            normalise(pixels, spec)
            assert bool((pixels == 7).all())


def test_offset_is_subtracted_between_rescaling_and_normalising() -> None:
    spec = dataclasses.replace(SQUARE, rescale_factor=1 / 127.5, offset=1.0, mean=(0.25,) * 3)
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 256).expand(3, 1, 256)
    expected = ((np.arange(256) / 127.5 - 1) - 0.25) / 0.5
    np.testing.assert_allclose(normalise(levels, spec)[1, 0], expected, atol=1e-6)
