"""Films that are known to be real or fakes, from folders and from evaluations."""

from __future__ import annotations

import pytest
import tiny
import videos
from seers import dark_seer

from deepfakebench_ext import evaluate, gather_samples
from deepfakebench_ext.analysis.calibrating import read_calibration
from deepfakebench_ext.analysis.known import is_evaluation, known_films
from deepfakebench_ext.common.errors import ConfigError

FILMS = ("real/a.mp4", "real/b.mp4", "fake/a.mp4")


@pytest.fixture
def data(tmp_path):
    for name in FILMS:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        videos.stamped_video(tmp_path / "data" / name, 6)
    return tmp_path / "data"


def run_of(tmp_path, **given):
    detector = dark_seer(tmp_path)
    evaluate(detector, gather_samples(**given), output_dir=tmp_path / "out", plots=False)
    (folder,) = (tmp_path / "out").iterdir()
    return folder


def names(films):
    return [film.path.relative_to(film.path.parents[1]).as_posix() for film in films]


def test_folders_hold_what_they_are_given_as(data):
    real, fake = known_films([data / "real", data / "real/a.mp4"], [data / "fake"])
    assert (names(real), names(fake)) == (["real/a.mp4", "real/b.mp4"], ["fake/a.mp4"])
    with pytest.raises(ConfigError, match=r"fake/a.mp4 is given as real, and its folder says that it is fake"):
        known_films([data], [])
    with pytest.raises(ConfigError, match=r"real/a.mp4 is given as fake, and its folder says that it is real"):
        known_films([data / "real"], [data])
    with pytest.raises(ConfigError, match="is given as real and as a fake"):
        known_films([data / "real"], [data / "real/a.mp4"])


def test_a_labelled_evaluation_stands_for_its_videos(tmp_path, data):
    run = run_of(tmp_path, video=data)
    real, fake = known_films([run], [])
    assert (names(real), names(fake)) == (["real/a.mp4", "real/b.mp4"], ["fake/a.mp4"])
    (data / "real/b.mp4").unlink()
    with pytest.raises(ConfigError, match=r"scored .*real/b.mp4, and there is no such film here"):
        known_films([run], [])


def test_its_scores_are_no_threshold_and_the_refusal_says_what_to_run(tmp_path, data):
    run = run_of(tmp_path, video=data)
    assert is_evaluation(run)
    with pytest.raises(ConfigError, match=f"is an evaluation. .* dfb-ext calibrate-timeline {run}, with the options"):
        read_calibration(run, {})


def test_an_evaluation_that_knows_no_real_films_is_refused(tmp_path, data):
    with pytest.raises(ConfigError, match="no videos that are labelled real"):
        known_films([run_of(tmp_path, video=data / "fake")], [])


def test_an_evaluation_of_images_is_refused(tmp_path):
    tiny.photos(tmp_path / "photos", 3)
    with pytest.raises(ConfigError, match="is an evaluation of images, which have no times"):
        known_films([run_of(tmp_path, image=tmp_path / "photos")], [])
