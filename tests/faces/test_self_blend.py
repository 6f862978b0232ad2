from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepfakebench_ext.faces.self_blend import PAPER_RATIOS, jpeg, self_blend

HULL_PX = np.array([(40, 24), (58, 30), (62, 52), (50, 72), (34, 72), (22, 50), (26, 30)], np.float32)


def photograph(height: int = 96, width: int = 84, *, seed: int = 0) -> np.ndarray:
    """Smooth colours with some texture: no pixel at 0 or 255."""
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.uniform(60, 190, (6, 6, 3)).astype(np.float32), (width, height))
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def blend(seed: int = 1, **options):
    return self_blend(photograph(), HULL_PX, np.random.default_rng(seed), **options)


def hull_distance_px(shape: tuple[int, int]) -> np.ndarray:
    """How far every pixel lies outside of the hull."""
    outside = np.ones(shape, np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(HULL_PX.astype(np.int32)), 0)
    return cv2.distanceTransform(outside, cv2.DIST_L2, 5)


@pytest.mark.parametrize("shape", [(64, 64), (96, 84), (240, 320)])
def test_result_has_the_size_of_the_image(shape):
    hull_px = HULL_PX / (84, 96) * shape[::-1]
    result = self_blend(photograph(*shape), hull_px, np.random.default_rng(0))
    assert result.target.shape == result.fake.shape == (*shape, 3)
    assert result.target.dtype == result.fake.dtype == np.uint8
    assert (result.mask.shape, result.mask.dtype) == (shape, np.float32)


def test_same_generator_state_gives_the_same_pair():
    first, second = blend(3), blend(3)
    for name in ("target", "fake", "mask"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_another_seed_gives_another_fake():
    assert (blend(3).fake != blend(4).fake).any()


def test_image_and_hull_are_not_modified():
    rgb, hull_px = photograph(), HULL_PX.copy()
    rgb.setflags(write=False)
    hull_px.setflags(write=False)
    for seed in range(6):  # both views get changed in some of them
        result = self_blend(rgb, hull_px, np.random.default_rng(seed))
        assert not np.shares_memory(result.target, rgb)
    np.testing.assert_array_equal(rgb, photograph())


@pytest.mark.parametrize("seed", range(8))
def test_fake_equals_target_exactly_where_the_mask_is_zero(seed):
    result = blend(seed)
    outside = result.mask == 0
    assert 0.3 < outside.mean() < 0.95
    np.testing.assert_array_equal(result.fake[outside], result.target[outside])
    assert (result.fake[~outside] != result.target[~outside]).mean() > 0.3


@pytest.mark.parametrize("seed", range(8))
def test_mask_stays_near_the_hull_and_covers_its_middle(seed):
    mask = blend(seed, ratios=(1.0,)).mask
    assert mask[hull_distance_px(mask.shape) > 24].max() == 0
    assert mask[48, 42] > 0.9


@pytest.mark.parametrize("seed", range(8))
def test_mask_is_soft(seed):
    mask = blend(seed, ratios=(1.0,)).mask
    assert ((mask > 0.02) & (mask < 0.98)).sum() > 40


@pytest.mark.parametrize("ratio", PAPER_RATIOS)
def test_mask_peaks_at_the_blending_ratio(ratio):
    mask = blend(ratios=(ratio,)).mask
    assert mask.min() == 0
    assert mask.max() == pytest.approx(ratio, abs=1e-3)


def test_every_ratio_is_drawn():
    peaks = {round(float(blend(seed, ratios=(0.25, 0.5, 1.0)).mask.max()), 2) for seed in range(30)}
    assert peaks == {0.25, 0.5, 1.0}


def test_a_small_ratio_leaves_a_fainter_trace():
    full, quarter = (blend(2, ratios=(ratio,)) for ratio in (1.0, 0.25))
    np.testing.assert_array_equal(full.target, quarter.target)
    traces = [np.abs(pair.fake.astype(int) - pair.target).mean() for pair in (full, quarter)]
    assert traces[1] == pytest.approx(0.25 * traces[0], rel=0.2)


def test_target_share_says_how_often_the_target_is_the_changed_view():
    rgb = photograph()
    unchanged = {
        share: sum((blend(seed, target_share=share).target == rgb).all() for seed in range(24))
        for share in (0.0, 0.5, 1.0)
    }
    assert (unchanged[0.0], unchanged[1.0]) == (24, 0)
    assert 4 < unchanged[0.5] < 20


def test_strength_scales_the_difference_in_colour():
    def colour_gap(strength: float) -> float:
        pairs = [blend(seed, strength=strength, ratios=(1.0,)) for seed in range(12)]
        return float(
            np.mean([abs(pair.fake[44:52, 38:46].mean() - pair.target[44:52, 38:46].mean()) for pair in pairs])
        )

    assert colour_gap(2.0) > 1.5 * colour_gap(1.0) > 2 * colour_gap(0.0)


def test_all_landmarks_count_only_by_their_convex_hull():
    inner = np.array([(42, 48), (40, 50), (44, 46)], np.float32)
    with_inner = self_blend(photograph(), np.concatenate([HULL_PX, inner]), np.random.default_rng(5))
    np.testing.assert_array_equal(with_inner.fake, blend(5).fake)


def test_a_face_cut_by_the_border_is_blended():
    result = self_blend(photograph(), HULL_PX - (40, 0), np.random.default_rng(0), ratios=(1.0,))
    assert result.mask[:, 0].max() > 0.9


@pytest.mark.parametrize("seed", range(10))
def test_a_thin_face_region_never_vanishes(seed):
    sliver = np.array([(10, 20), (75, 20), (75, 27), (10, 27)], np.float32)
    assert self_blend(photograph(), sliver, np.random.default_rng(seed), ratios=(1.0,)).mask.max() > 0.9


@pytest.mark.parametrize(
    "rgb",
    [
        photograph().astype(np.float32),
        photograph()[..., 0],
        np.zeros((20, 20, 4), np.uint8),
        photograph().tolist(),
    ],
    ids=["float", "grey", "alpha", "list"],
)
def test_what_is_no_rgb_image_is_refused(rgb):
    with pytest.raises(ValueError, match=r"must be a uint8 array of shape \(H, W, 3\)"):
        self_blend(rgb, HULL_PX, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"must be a uint8 array of shape \(H, W, 3\)"):
        jpeg(rgb, 90)


@pytest.mark.parametrize("hull_px", [HULL_PX[:2], HULL_PX.T, HULL_PX * np.nan, HULL_PX.ravel()])
def test_a_hull_that_is_no_list_of_points_is_refused(hull_px):
    with pytest.raises(ValueError, match=r"must be \(K, 2\) finite xy points"):
        self_blend(photograph(), hull_px, np.random.default_rng(0))


@pytest.mark.parametrize(
    "hull_px",
    [HULL_PX + 500, HULL_PX - 1e9, HULL_PX / 84, [(5, 5), (40, 40), (70, 70)]],
    ids=["outside", "far", "shares", "line"],
)
def test_a_hull_that_covers_no_face_is_refused(hull_px):
    with pytest.raises(ValueError, match="covers no face in an image of width 84 and height 96"):
        self_blend(photograph(), hull_px, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratios": ()}, "ratios"),
        ({"ratios": (0.5, 0.0)}, "ratios"),
        ({"ratios": (1.2,)}, "ratios"),
        ({"strength": -0.1}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"strength": float("inf")}, "strength"),
        ({"target_share": 1.5}, "target_share"),
        ({"target_share": float("nan")}, "target_share"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        blend(**options)


def test_jpeg_keeps_colours_and_loses_detail_with_quality():
    rgb = photograph()
    errors = [np.abs(jpeg(rgb, quality).astype(int) - rgb).mean() for quality in (95, 50, 10)]
    assert errors == sorted(errors)
    assert errors[0] < 7
    np.testing.assert_allclose(jpeg(rgb, 90).mean((0, 1)), rgb.mean((0, 1)), atol=2)


@pytest.mark.parametrize("quality", [0, 101])
def test_jpeg_quality_out_of_range_is_refused(quality):
    with pytest.raises(ValueError, match="quality"):
        jpeg(photograph(), quality)
