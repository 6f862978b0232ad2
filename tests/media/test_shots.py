"""Cuts in made films whose shots are known: hard cuts, fades, whip pans, flashes; and beside PySceneDetect."""

from __future__ import annotations

import functools
import itertools

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.media.shots import LAG, SMALL_SIZE, ShotDetector, cuts, difference, reduced

HEIGHT, WIDTH = 72, 128
PICTURES = ("astronaut", "coffee", "rocket", "chelsea")


@functools.cache
def picture(name):
    return cv2.resize(getattr(skimage.data, name)(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def shot(name, length, *, seed=0, sway_px=1.5, noise=3.0):
    """Frames of a picture that sways and rustles as one before a hand-held camera."""
    rng, image = np.random.default_rng(seed), picture(name).astype(np.float32)
    frames = []
    for index in range(length):
        moved = np.roll(image, round(sway_px * np.sin(index / 4)), axis=1)
        frames.append(np.clip(moved + rng.normal(0, noise, moved.shape), 0, 255).astype(np.uint8))
    return frames


def fade(one, other, through, length):
    """Frames that lead from one picture to another by way of a colour, `length` of them to it and as many from it."""
    colour = np.full_like(one, through, dtype=np.float32)
    shares = np.linspace(0, 1, length + 1)[1:]
    down = [(1 - share) * one + share * colour for share in shares]
    up = [(1 - share) * other + share * colour for share in shares[-2::-1]]
    return [frame.astype(np.uint8) for frame in down + up]


def found(frames):
    return cuts([reduced(frame) for frame in frames])


def test_a_film_of_one_shot_has_no_cut():
    assert found(shot("astronaut", 60)) == ()


def test_hard_cuts_are_found_at_the_frame_that_begins_the_shot():
    film = shot("astronaut", 20) + shot("coffee", 7) + shot("chelsea", 30) + shot("rocket", 3)
    assert found(film) == (20, 27, 57)


@pytest.mark.parametrize("left", [1, 2, 3])
def test_what_is_left_of_a_shot_at_the_beginning_ends_with_a_cut(left):
    assert found(shot("astronaut", left) + shot("coffee", 9)) == (left,)
    assert found(shot("astronaut", left) + shot("coffee", 4)) == (left,)


@pytest.mark.parametrize("pair", [(one, other) for one in PICTURES for other in PICTURES if one != other])
def test_a_cut_between_any_two_pictures_is_found(pair):
    assert found(shot(pair[0], 8) + shot(pair[1], 8)) == (8,)


@pytest.mark.parametrize("colour", [0, 255, (20, 40, 160)])
@pytest.mark.parametrize("length", [2, 3, 6, 12, 25])
def test_a_fade_is_one_cut_however_long_it_takes(colour, length):
    astronaut, coffee = shot("astronaut", 15), shot("coffee", 15)
    film = astronaut + fade(astronaut[-1], coffee[0], colour, length) + coffee
    (only,) = found(film)
    assert abs(only - (15 + length - 1)) <= max(1, length // 5)


@pytest.mark.parametrize("blanks", [3, 10, 40])
def test_a_black_stretch_between_hard_cuts_is_one_cut(blanks):
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * blanks
    assert found(shot("astronaut", 10) + black + shot("coffee", 10)) == (10,)


def test_a_film_that_begins_or_ends_black():
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 6
    assert found(black + shot("coffee", 10)) == ()
    assert found(shot("coffee", 10) + black) == (10,)


@pytest.mark.parametrize("speed_px", [5, 10, 16, 24])
def test_a_whip_pan_is_no_cut(speed_px):
    wall = np.concatenate([picture(name) for name in PICTURES * 3], axis=1)
    offsets = np.concatenate([np.zeros(10), np.cumsum(np.full(20, speed_px)), np.full(10, 20 * speed_px)]).astype(int)
    film = [wall[:, at : at + WIDTH] for at in offsets]
    differences = [difference(*map(_hsv, pair)) for pair in itertools.pairwise(film[10:30])]
    assert np.median(differences) > 4
    assert found(film) == ()


@pytest.mark.parametrize("flash", [1, 2])
def test_a_flash_is_no_cut(flash):
    film = shot("astronaut", 24)
    for index in range(10, 10 + flash):
        film[index] = np.clip(film[index] * 0.3 + 190, 0, 255).astype(np.uint8)
    assert found(film) == ()
    film[10 : 10 + flash] = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * flash
    assert found(film) == ()


def test_a_picture_in_the_picture_that_changes_is_a_cut():
    film = shot("astronaut", 24, noise=0)
    for index, frame in enumerate(film):
        frame[12:60, 16:112] = cv2.resize(picture("coffee" if index < 12 else "rocket"), (96, 48))
    assert found(film) == (12,)


def test_cuts_in_grey_films_are_found_in_spite_of_noisy_colours():
    def grey(name, seed):
        noise = np.random.default_rng(seed)
        for frame in shot(name, 12, seed=seed):
            light = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None].astype(int)
            yield np.clip(light + noise.integers(-2, 3, (1, 1, 3)), 0, 255).astype(np.uint8)

    assert found([*grey("astronaut", 1), *grey("coffee", 2)]) == (12,)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(range(4)), st.integers(4, 12)), min_size=1, max_size=5), st.integers(0, 99))
def test_every_cut_between_shots_is_found_and_no_other(plan, seed):
    film, expected, last = [], [], None
    for number, length in plan:
        if last is not None and number != last:
            expected.append(len(film))
        film += shot(PICTURES[number], length, seed=seed)
        last = number
    # A picture that follows itself begins its sway anew, which is a small jump and no cut.
    assert found(film) == tuple(expected)


def test_frame_by_frame_is_as_all_at_once_and_holds_six_pictures():
    film = [reduced(frame) for frame in shot("astronaut", 9) + shot("coffee", 9) + shot("rocket", 4)]
    detector = ShotDetector()
    said = [detector.add(frame) for frame in film]
    assert said[:LAG] == [None] * LAG
    verdicts = said[LAG:] + detector.finish()
    assert [index for index, is_cut in enumerate(verdicts) if is_cut] == list(cuts(film)) == [9, 18]
    assert len(detector._looks) == 6


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_the_shortest_films_have_no_cut(length):
    assert found(shot("astronaut", length)) == ()


def test_hue_is_a_circle_and_greys_have_none():
    red, almost_red = np.full((*SMALL_SIZE, 3), (200, 0, 4), np.uint8), np.full((*SMALL_SIZE, 3), (200, 4, 0), np.uint8)
    assert difference(_hsv(red), _hsv(almost_red)) < 1
    warm, cold = (
        np.full((*SMALL_SIZE, 3), (101, 100, 100), np.uint8),
        np.full((*SMALL_SIZE, 3), (100, 100, 101), np.uint8),
    )
    assert difference(_hsv(warm), _hsv(cold)) < 2


def test_hue_saturation_and_value_are_those_of_opencv():
    rgb = np.random.default_rng(0).integers(0, 256, (*SMALL_SIZE, 3), dtype=np.uint8)
    apart = np.abs(_hsv(rgb) - cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    apart[..., 0] = np.minimum(apart[..., 0], 180 - apart[..., 0])
    assert apart.max() <= 1


@pytest.mark.parametrize("shape", [(36, 64), (720, 1280), (1920, 1080), (5, 7), (1, 1)])
def test_frames_of_any_shape_are_reduced(shape):
    rgb = np.full((*shape, 3), (10, 200, 77), np.uint8)
    assert (reduced(rgb) == (10, 200, 77)).all()
    assert reduced(rgb).shape == (36, 64, 3)


def test_a_reduced_frame_is_about_what_opencv_averages():
    frame = cv2.resize(skimage.data.astronaut(), (1280, 720), interpolation=cv2.INTER_AREA)
    apart = np.abs(reduced(frame).astype(int) - cv2.resize(frame, (64, 36), interpolation=cv2.INTER_AREA))
    assert apart.mean() < 4


def test_hard_cuts_are_those_of_pyscenedetect():
    detectors = pytest.importorskip(
        "scenedetect.detectors", reason="scenedetect-headless is not installed (extra `test`)"
    )
    from scenedetect import FrameTimecode

    film = [frame for at, name in enumerate(PICTURES * 2) for frame in shot(name, 18 + at, seed=at)]
    theirs = detectors.AdaptiveDetector()  # the other one drops the first cut, if it comes within a second
    hits = []
    for index, frame in enumerate(film):
        hits += theirs.process_frame(FrameTimecode(index, fps=25.0), np.ascontiguousarray(frame[..., ::-1]))
    assert found(film) == tuple(hit.frame_num for hit in hits)
    assert len(hits) == 7


def _hsv(rgb):
    from deepfakebench_ext.media.shots import _hsv as hsv

    return hsv(reduced(rgb))
