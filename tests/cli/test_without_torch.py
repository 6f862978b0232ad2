"""Exported folders are scored where torch and transformers are not installed, and what cannot be done is a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import exports
import pytest
import tiny
import torch
import videos
import yaml
from click.testing import CliRunner
from without import TORCH, typed

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.models.export.export import export_detector

FORMATS = {"image": "onnx", "videomae": "openvino"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with `image` (ONNX) and `videomae` (OpenVINO), pictures and clips to score."""
    folder = tmp_path_factory.mktemp("made")
    for family, format_ in FORMATS.items():
        export_detector(getattr(exports, family)(folder), folder / "exported" / family, format_)
    tiny.photos(folder / "photos", 3)
    for label in ("real", "fake"):
        for number in range(12):
            tiny.photo(folder / "films" / label / "one" / f"{number:03d}.png", seed=number + len(label))
    return folder


def scores_in(output_dir: Path) -> bytes:
    (path,) = output_dir.glob("*/scores.csv")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("family", "runtime", "asked", "auc"),
    [
        ("image", "onnxruntime", ("--image", "photos"), "frame_auc"),
        ("image", "openvino", ("--image", "photos"), "frame_auc"),
        ("videomae", "openvino", ("--video", "films", "--num_clips", "2"), "video_auc"),
    ],
)
def test_scores_and_figures_are_those_with_torch_to_the_byte(made, monkeypatch, tmp_path, family, runtime, asked, auc):
    monkeypatch.chdir(made)
    words = ["--weights", f"exported/{family}", "--no_plots", *asked]
    missing = (*TORCH, *({"onnxruntime", "openvino"} - {runtime}))
    done = typed(missing, "evaluate", *words, "--output_dir", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    assert auc in done.stdout
    assert runtime in done.stderr
    with_torch = [*words, "--runtime", runtime, "--output_dir", str(tmp_path / "b")]
    assert CliRunner().invoke(evaluate, with_torch, catch_exceptions=False).exit_code == 0
    assert scores_in(tmp_path / "a") == scores_in(tmp_path / "b")


def test_a_film_is_analysed_without_torch(made, tmp_path):
    videos.stamped_video(tmp_path / "film.mp4", 12)
    done = typed(TORCH, "analyze", "film.mp4", "--weights", str(made / "exported/image"), "--output_dir", "out")
    assert done.returncode == 0, done.stderr
    (timeline,) = tmp_path.glob("out/*/timeline.json")
    assert json.loads(timeline.read_text())["scores"]


@pytest.mark.parametrize("verb", ["evaluate", "export", "train"])
def test_what_needs_torch_says_so(tmp_path, verb):
    torch.save(tiny.clip_detector_state(), tmp_path / "clip.pth")
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    tiny.photos(tmp_path / "photos", 1)
    to_it = {"evaluate": ["--image", "photos"], "export": ["--output_dir", "x"], "train": ["--train", "photos"]}
    done = typed(TORCH, verb, "--detector_config", "clip.yaml", "--weights", "clip.pth", *to_it[verb])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "torch is not installed" in done.stderr
    assert "pip install torch transformers" in done.stderr


@pytest.mark.parametrize(("family", "asked"), [("image", "--image=photos"), ("videomae", "--video=films")])
def test_without_a_runtime_it_says_which_to_install(made, monkeypatch, family, asked):
    monkeypatch.chdir(made)
    done = typed((*TORCH, "onnxruntime", "openvino"), "evaluate", "--weights", f"exported/{family}", asked)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    name = {"onnx": "onnxruntime", "openvino": "openvino"}[FORMATS[family]]
    assert f"running it needs {name}; type: pip install {name}" in done.stderr
