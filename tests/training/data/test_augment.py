"""Training frames are changed as the config says, all frames of a clip alike, by nothing but the generator."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.training.config import AugmentationConfig
from deepfakebench_ext.training.data.augment import Augmentation, Augmenter, BrightnessContrast, HueSaturation, Pca

NEVER = {"flip_prob": 0, "rotate_prob": 0, "blur_prob": 0, "brightness_prob": 0, "quality_prob": 0}
ALWAYS = dict.fromkeys(NEVER, 1)


def noise(seed: int = 0, frames: int = 1, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Smooth coloured frames (T, H, W, 3), each another."""
    coarse = np.random.default_rng(seed).integers(0, 256, (frames, 9, 9, 3), dtype=np.uint8)
    return np.stack([cv2.resize(rgb, size[::-1]) for rgb in coarse])


def drawn(config: AugmentationConfig, count: int) -> list[Augmentation]:
    return [Augmenter(config).draw(np.random.default_rng([7, at])) for at in range(count)]


def everything() -> Augmentation:
    return Augmentation(True, 7.5, 5, HueSaturation(11.2, -20.4, 15.5), 60)


@pytest.mark.parametrize(
    ("key", "happened"),
    [
        ("flip_prob", lambda change: change.mirrored),
        ("rotate_prob", lambda change: change.angle_deg is not None),
        ("blur_prob", lambda change: change.blur_px is not None),
        ("brightness_prob", lambda change: change.colour is not None),
        ("quality_prob", lambda change: change.quality is not None),
    ],
)
def test_each_change_comes_as_often_as_its_probability_says_and_alone(key: str, happened) -> None:
    changes = drawn(AugmentationConfig(**{**NEVER, key: 0.3}), 2000)
    assert abs(np.mean([happened(change) for change in changes]) - 0.3) < 0.04
    assert all(change == Augmentation() for change in changes if not happened(change))


def test_draws_stay_in_their_ranges_and_reach_both_ends() -> None:
    config = AugmentationConfig(**ALWAYS, rotate_limit=(-4, 9), quality_lower=55, quality_upper=58, blur_limit=(3, 7))
    changes = drawn(config, 2000)
    angles = [change.angle_deg for change in changes]
    assert -4 <= min(angles) < -3.9
    assert 8.9 < max(angles) <= 9
    assert {change.quality for change in changes} == {55, 56, 57, 58}
    sizes, counts = np.unique([change.blur_px for change in changes], return_counts=True)
    assert sizes.tolist() == [3, 5, 7]
    np.testing.assert_allclose(counts / 2000, [0.2, 0.4, 0.4], atol=0.04)  # albumentations rounds even sizes up
    kinds = [type(change.colour) for change in changes]
    assert all(abs(kinds.count(kind) / 2000 - 1 / 3) < 0.04 for kind in (BrightnessContrast, HueSaturation, Pca))
    bright = [change.colour for change in changes if isinstance(change.colour, BrightnessContrast)]
    assert 0.9 <= min(colour.contrast for colour in bright) < 0.91
    assert 0.09 < max(colour.brightness for colour in bright) <= 0.1


def test_a_draw_depends_on_its_generator_alone() -> None:
    config = AugmentationConfig(**ALWAYS)
    np.random.seed(1)  # the state that must not matter
    first = drawn(config, 20)
    np.random.seed(2)
    assert drawn(config, 20) == first
    assert len(set(map(str, first))) == 20


@pytest.mark.parametrize(
    "change",
    [everything(), Augmentation(colour=Pca(0.9)), Augmentation(colour=BrightnessContrast(1.1, -0.05)), Augmentation()],
)
def test_all_frames_of_a_clip_are_changed_alike(change: Augmentation) -> None:
    clip = np.repeat(noise(), 4, axis=0)
    changed = change(clip)
    assert changed.shape == clip.shape
    assert (changed == changed[:1]).all()
    if not isinstance(change.colour, Pca):  # whose axes are those of the whole clip
        clip = noise(frames=3)
        assert np.array_equal(change(clip), np.concatenate([change(clip[at : at + 1]) for at in range(3)]))


def test_a_shift_of_colours_is_one_for_the_whole_clip() -> None:
    clip = noise(frames=3) // 2 + 60  # far from both ends
    shifts = Augmentation(colour=Pca(1.0))(clip).astype(int) - clip
    assert [len(np.unique(shifts[..., channel])) for channel in range(3)] == [1, 1, 1]
    assert np.abs(shifts).max() > 0


def test_what_was_given_is_left_unchanged_and_shared_with_nothing() -> None:
    clip = noise(frames=2)
    before = clip.copy()
    clip.setflags(write=False)
    for change in (everything(), Augmentation(), Augmentation(mirrored=True)):
        changed = change(clip)
        assert not np.shares_memory(changed, clip)
    assert np.array_equal(clip, before)


def test_mirroring_swaps_left_and_right() -> None:
    clip = noise(frames=2)
    assert np.array_equal(Augmentation(mirrored=True)(clip), clip[:, :, ::-1])


def test_turning_leaves_no_border_empty() -> None:
    white = np.full((1, 40, 40, 3), 255, np.uint8)
    assert (Augmentation(angle_deg=10.0)(white) == 255).all()


@pytest.mark.parametrize("quality", [10, 40, 70, 100])
def test_the_jpeg_quality_is_that_of_the_file(quality: int) -> None:
    rgb = noise()[0]
    _, coded = cv2.imencode(".jpg", rgb[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, quality])
    expected = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(Augmentation(quality=quality)(rgb[None])[0], expected)


def test_a_lower_quality_loses_more() -> None:
    rgb = noise(3)
    losses = [np.abs(Augmentation(quality=q)(rgb).astype(int) - rgb).mean() for q in (100, 80, 40, 10)]
    assert losses == sorted(losses)
    assert losses[-1] > 2 * losses[0]


def test_the_principal_shift_follows_the_paper() -> None:
    rgb = noise(1) // 2 + 60
    colours = rgb.reshape(-1, 3) / 255
    variances, axes = np.linalg.eigh(np.cov(colours, rowvar=False))
    shift = Augmentation(colour=Pca(2.0))(rgb)[0, 0, 0].astype(float) - rgb[0, 0, 0]
    # Along each axis, up to its direction, twice the variance there; a level is lost in rounding down.
    np.testing.assert_allclose(np.abs(axes.T @ shift), 2.0 * variances * 255, atol=1.8)


def test_the_pixels_are_those_of_albumentations() -> None:
    functional = pytest.importorskip("albumentations.augmentations.functional")
    from albumentations.augmentations.blur.functional import gaussian_blur
    from albumentations.augmentations.geometric.functional import rotate

    rgb = noise(5, size=(53, 71))[0]
    pairs = [
        (
            Augmentation(colour=BrightnessContrast(1.1, -0.03)),
            functional.brightness_contrast_adjust(rgb, 1.1, -0.03, True),
        ),
        (Augmentation(colour=HueSaturation(-19.3, 12.5, 7.9)), functional.shift_hsv(rgb, -19.3, 12.5, 7.9)),
        (Augmentation(blur_px=5), gaussian_blur(rgb, 5)),
        (Augmentation(angle_deg=-8.3), rotate(rgb, -8.3)),
    ]
    for change, expected in pairs:
        assert np.array_equal(change(rgb[None])[0], expected), change


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"rotate_limit": (5, -5)}, "rotate_limit"),
        ({"quality_lower": 90, "quality_upper": 50}, "quality_lower 90 is above quality_upper 50"),
        ({"brightness_limit": (0.2, 0.1)}, "brightness_limit"),
        ({"contrast_limit": (0.2, float("nan"))}, "contrast_limit"),
        ({"blur_limit": (7, 3)}, "blur_limit"),
        ({"blur_limit": (3, 6)}, "odd"),
        ({"blur_limit": (-1, 3)}, "blur_limit begins with -1"),
    ],
)
def test_a_range_that_cannot_be_drawn_from_is_refused(values: dict, named: str) -> None:
    with pytest.raises((ConfigError, ValidationError), match=named):
        Augmenter(AugmentationConfig(**values))


@pytest.mark.parametrize("frames", [noise()[0], noise().astype(np.float32), noise()[..., :1], noise()[:0]])
def test_only_clips_of_rgb_frames_are_taken(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Augmentation()(frames)
