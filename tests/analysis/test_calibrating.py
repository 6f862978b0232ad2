"""Thresholds chosen on real films, and timelines that say what they are worth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from films import film
from made_timelines import valid
from seers import dark_seer

from deepfakebench_ext.analysis.analyze import How, analyze, score_settings
from deepfakebench_ext.analysis.calibrating import (
    Risk,
    calibrated,
    calibration_basis,
    read_calibration,
    write_calibration,
)
from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.taking import Taking
from deepfakebench_ext.common.errors import ConfigError, ModelError

RISK = Risk(1.0, 0.2)


def flicker(path, levels):
    """A film whose lower half is as bright as said, a second each, by steps too small for a cut."""
    frames = []
    for level in levels:
        frame = np.full((96, 128, 3), 150, np.uint8)
        frame[:48, :64] = level
        frames += [frame] * 25
    film(path, frames)
    return path


@pytest.fixture
def seer(tmp_path):
    return dark_seer(tmp_path, least=0.1)


@pytest.fixture
def real(tmp_path, seer):
    paths = [flicker(tmp_path / f"real/{number}.mp4", (200, 130 + 8 * number, 200)) for number in range(5)]
    return [each.timeline for each in analyze(seer, paths, How(output_dir=tmp_path / "out"))]


def test_the_threshold_keeps_real_films_unmarked_and_the_timeline_says_so(tmp_path, seer, real):
    how = How(output_dir=tmp_path / "out")
    basis = calibration_basis(score_settings(seer, how))
    threshold = calibrated(real, [], policy=Policy(), rule="top_fifth", risk=RISK)
    path = write_calibration(tmp_path, threshold, basis)
    read = read_calibration(path, basis)
    assert read.policy == threshold.policy
    fake = flicker(tmp_path / "fake.mp4", (200, 30, 200))
    (found,) = analyze(seer, [fake], How(output_dir=tmp_path / "out", threshold=read))
    (marked,) = found.timeline.segments
    # So low a threshold lets the smoothing, 0.6 s wide, reach over the ends.
    assert (marked.start_s, marked.end_s) == (pytest.approx(1.0, abs=0.35), pytest.approx(2.0, abs=0.35))
    document = json.loads((found.folder / "timeline.json").read_text())
    valid(document)
    alarms = document["policy"]["false_alarms"]
    assert document["policy"]["calibrated"] is True
    assert (alarms["videos"], alarms["limit_s_per_min"]) == (5, 1.0)
    assert alarms["measured"]["value"] <= 1.0
    assert document["score"]["decision"] == "fake"
    page = (found.folder / "report.html").read_text().partition("<main>")[2].partition("</main>")[0]
    assert "s of false alarms a minute of real video" in page
    assert "not calibrated" not in page


def test_it_holds_for_one_way_of_taking_alone(tmp_path, seer, real):
    basis = calibration_basis(score_settings(seer, How()))
    path = write_calibration(tmp_path, calibrated(real, [], policy=Policy(), rule="mean", risk=RISK), basis)
    other = calibration_basis(score_settings(seer, How(taking=Taking(fps=10))))
    with pytest.raises(ConfigError, match="another taking"):
        read_calibration(path, other)
    whole = path.read_text()
    path.write_text(whole.replace('"onset"', '"set"'))
    with pytest.raises(ConfigError, match="is damaged"):
        read_calibration(tmp_path, basis)
    document = json.loads(whole)
    document["threshold"]["bands"]["fake_above"] = "high"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"is damaged: a figure of it is 'high'; allowed is a finite number"):
        read_calibration(tmp_path, basis)
    path.write_text("{}")
    with pytest.raises(ConfigError, match="no calibration of this version"):
        read_calibration(tmp_path, basis)


def test_where_real_films_score_1_no_threshold_is_chosen(tmp_path):
    paths = [flicker(tmp_path / "a.mp4", (90, 90, 90))]
    blind = dark_seer(tmp_path, least=100.0)
    real = [each.timeline for each in analyze(blind, paths, How(output_dir=tmp_path / "out"))]
    with pytest.raises(ModelError, match="no onset keeps 1 s a minute"):
        calibrated(real, [], policy=Policy(), rule="mean", risk=RISK)


def test_copies_of_a_film_count_once_and_on_one_side(real):
    fakes = [replace(each, video=replace(each.video, sha256="f" * 64)) for each in real]
    once, often = (calibrated(real, some, policy=Policy(), rule="mean", risk=RISK) for some in (fakes[-1:], fakes))
    assert once.bands == often.bands
    assert often.source == "chosen on 5 real videos and 1 fake"
    with pytest.raises(ConfigError, match=r"0\.mp4 and .*0\.mp4 are the same bytes"):
        calibrated(real, real[:1], policy=Policy(), rule="mean", risk=RISK)


def test_no_real_film_chooses_nothing():
    with pytest.raises(ConfigError, match="none of the real videos"):
        calibrated([], [], policy=Policy(), rule="mean", risk=RISK)


@pytest.mark.parametrize(
    ("said", "named"), [((-1.0, 0.1), "false_alarms"), ((60.0, 0.1), "false_alarms"), ((1.0, 1.0), "risk")]
)
def test_what_is_no_risk_is_refused(said, named):
    with pytest.raises(ConfigError, match=named):
        Risk(*said)
