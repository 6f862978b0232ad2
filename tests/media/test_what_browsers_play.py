"""Which films a browser plays as they are, by what they are and not by their names."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest
import videos

from deepfakebench_ext.media.pyav_backend import plays_in_browsers
from deepfakebench_ext.media.video import streams, tags


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
    scheduled = os.sched_getscheduler(0)
    videos.stamped_video(tmp_path / "a.mp4", 5, codec="libsvtav1")
    assert os.sched_getscheduler(0) == scheduled  # the encoder asks for real time, where root is whom it asks
    assert streams(tmp_path / "a.mp4")[0]["codec"] == "av1"
    assert plays_in_browsers(tmp_path / "a.mp4")


def test_a_file_says_what_made_it_and_when(tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "a.mp4", 5)
    with av.open(str(tmp_path / "a.mp4")) as old, av.open(str(tmp_path / "b.mp4"), "w") as new:
        new.metadata.update({"creation_time": "2024-05-06T07:08:09Z", "encoder": "x" * 500})
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    said = tags(tmp_path / "b.mp4")
    assert said["created_at"].startswith("2024-05-06T07:08:09")
    assert said["container"] == "QuickTime / MOV"
    assert len(tags(tmp_path / "a.mp4")["encoder"]) < 200
    assert tags(tmp_path / "a.mp4", backend="opencv") == {}
