"""`dfb-ext splice` as a user runs it."""

from __future__ import annotations

import json

import pytest
import skimage.data
from click.testing import CliRunner
from faces.scenes import head, scene
from films import film

from deepfakebench_ext.cli.splice import splice
from deepfakebench_ext.common.errors import ConfigError


def test_a_set_is_made_and_what_is_left_out_is_said(tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    face = head(skimage.data.astronaut())
    film(tmp_path / "films/a.mp4", [scene(face, (192, 200), 90)] * 15)
    (tmp_path / "films/b.mp4").write_text("no video")
    result = CliRunner().invoke(splice, ["films", "--face_detector", "dlib", "--per_video", "1"])
    assert result.exit_code == 3
    assert "truth in spliced/segments.json" in result.output
    assert "left out: films/b.mp4" in result.output
    rows = json.loads((tmp_path / "spliced/segments.json").read_text())["videos"]
    assert [row["file"] for row in rows] == ["real/0000_a.mp4", "fake/0000_a.mp4"]


def test_faces_that_the_detector_is_less_sure_of_are_not_blended(tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    face = head(skimage.data.astronaut())
    film(tmp_path / "a.mp4", [scene(face, (192, 200), 90)] * 15)
    with pytest.raises(ConfigError, match="no face is in sight"):
        CliRunner().invoke(
            splice, ["a.mp4", "--face_detector", "dlib", "--min_face_score", "100"], catch_exceptions=False
        )


def test_without_a_face_detector_nothing_can_be_blended(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ConfigError, match="a face is what is blended"):
        CliRunner().invoke(splice, ["a.mp4"], catch_exceptions=False)
