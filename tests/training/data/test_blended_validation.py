"""Validation of real faces alone: a fake of each, the same in every epoch, that differs from it in the blend alone."""

from __future__ import annotations

import numpy as np
import pytest
import real_faces
import tiny
from made_training import tuning, values

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.training.data.splits import split_by_source

CLIPS = {"self_blend": True, "val_clips": 2, "batch_size": 4, "epochs": 1}
FRAMES = {"self_blend": True, "val_frames": 3, "batch_size": 4, "epochs": 1, "frames_per_video": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    real_faces.real_films(folder / "train", 4, seed=1)
    real_faces.real_films(folder / "val", 3, seed=2)
    return folder


def made(folder, base, recipe):
    return tuning(folder, values({"mode": "head"}, base, **recipe), kind="video")


@pytest.mark.parametrize(
    ("base", "recipe", "shape"),
    [(tiny.VIDEOMAE_YAML, CLIPS, (2, 4, 3, 32, 32)), (tiny.CLIP_YAML, FRAMES, (3, 3, 32, 32))],
)
def test_each_real_one_of_validation_gets_a_fake_that_is_the_same_every_time(folder, base, recipe, shape):
    training = made(folder, base, recipe)
    samples, reader = training.validator.samples, training.validator.reader
    assert [sample.label for sample in samples] == [0, 0, 0, 1, 1, 1]
    assert {sample.method for sample in samples[3:]} == {"self_blended"}
    for real, fake in zip(samples[:3], samples[3:], strict=True):
        first, again = (np.stack([unit.pixels for unit in reader.units(fake)]) for _ in range(2))
        assert first.shape == shape
        assert np.array_equal(first, again)
        genuine = np.stack([unit.pixels for unit in reader.units(real)])
        differs = (first != genuine).reshape(-1, *first.shape[-2:]).any(0)
        assert 0.1 < differs.mean() < 0.95  # the face and not the corners
    other = made(folder, base, {**recipe, "seed": 7}).validator
    pixels = [next(iter(each.reader.units(each.samples[3]))).pixels for each in (training.validator, other)]
    assert not np.array_equal(*pixels)


def test_augmentation_is_for_training_alone(folder):
    plain, changed = (made(folder, tiny.VIDEOMAE_YAML, {**CLIPS, **more}) for more in ({}, {"augmentation": {}}))
    for each in plain.validator.samples:
        units = [next(iter(training.validator.reader.units(each))) for training in (plain, changed)]
        assert np.array_equal(units[0].pixels, units[1].pixels)


def test_a_training_on_real_films_alone_runs_and_says_what_its_figures_are_of(folder, tmp_path):
    training = made(folder, tiny.VIDEOMAE_YAML, CLIPS)
    result = training.run(tmp_path / "run")
    assert result.validated.table.labels.astype(int).tolist().count(1) == 6
    (notice,) = [notice for notice in training.notices if notice.kind == "blended_val"]
    assert "of each of its 3 real samples one is made by self-blending" in notice.text
    assert training.plan().val == (3, 3)


def test_a_film_that_cannot_be_read_has_no_score_and_says_why(folder, tmp_path):
    real_faces.real_films(tmp_path / "train", 2, seed=3)
    real_faces.real_films(tmp_path / "val", 2, seed=4)
    for frame in next((tmp_path / "val/real/frames").iterdir()).iterdir():
        frame.write_bytes(b"not a picture")
    training = made(tmp_path, tiny.VIDEOMAE_YAML, CLIPS)
    read = [list(training.validator.reader.units(sample)) for sample in training.validator.samples]
    lost = [[unit.prediction.status for unit in units] for units in read if units[0].pixels is None]
    assert len(lost) == 2
    assert all(set(statuses) == {"unreadable"} for statuses in lost)


def test_fakes_of_validations_own_are_judged_instead(folder, tmp_path):
    real_faces.real_films(tmp_path / "train", 2, seed=3)
    real_faces.real_films(tmp_path / "val", 2, seed=4)
    (tmp_path / "val/real/frames").rename(tmp_path / "val/real/films")
    fakes = tmp_path / "val/fake/films"
    fakes.mkdir(parents=True)
    (next((tmp_path / "val/real/films").iterdir())).rename(fakes / "another")
    training = made(tmp_path, tiny.VIDEOMAE_YAML, CLIPS)
    assert len(training.validator.samples) == 2
    assert not any(notice.kind == "blended_val" for notice in training.notices)


def test_real_films_alone_can_be_split(folder):
    samples = collect_samples(folder / "train", kind="video")
    split = split_by_source(samples, 0.5, 0, needs_fakes=False)
    assert (len(split.train), len(split.val)) == (2, 2)
    with pytest.raises(ConfigError, match="gets nothing"):
        split_by_source(samples, 0.5, 0)
