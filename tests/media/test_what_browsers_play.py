"""Which films a browser plays as they are, by what they are and not by their names."""

from __future__ import annotations

from pathlib import Path

import pytest
import videos

pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")
from deepfakebench_ext.media.pyav_backend import plays_in_browsers
from deepfakebench_ext.media.video import streams


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "plays"),
    [
        ("a.mp4", "libx264", "yuv420p", True),
        ("a.mov", "libx264", "yuv420p", True),
        ("a.webm", "libvpx-vp9", "yuv420p", True),
        ("a.mp4", "libx264", "yuv444p", False),
        ("a.mp4", "libx264", "yuv420p10le", False),
        ("a.mkv", "libx264", "yuv420p", False),
        ("a.mp4", "mpeg4", "yuv420p", False),
        ("a.avi", "mpeg4", "yuv420p", False),
    ],
)
def test_container_codec_and_pixels_decide(tmp_path: Path, name: str, codec: str, pix_fmt: str, plays: bool) -> None:
    videos.stamped_video(tmp_path / name, 5, codec=codec, pix_fmt=pix_fmt)
    (tmp_path / name).rename(tmp_path / "upload")
    assert plays_in_browsers(tmp_path / "upload") is plays


def test_av1_is_called_so_and_not_as_its_decoder(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "a.mp4", 5, codec="libsvtav1")
    assert streams(tmp_path / "a.mp4")[0]["codec"] == "av1"
    assert plays_in_browsers(tmp_path / "a.mp4")
