"""What a training leaves scores the same files alike in every form that it is exported in, by whoever opens that."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import exports
import pytest
import real_faces
import tiny
import torch
from made_training import tuning, values
from sklearn.metrics import roc_auc_score

from deepfakebench_ext import evaluate, export, gather_samples
from deepfakebench_ext.models.export.record import ARTEFACTS
from deepfakebench_ext.models.loading import load_detector

EQUAL = 1e-3
BASES = {"clip": tiny.CLIP_TO_TRAIN, "videomae": tiny.VIDEOMAE_TO_TRAIN}
RECIPES = {"clip": {"epochs": 3}, "videomae": {"epochs": 5, "clips_per_video": 2}}
DRAWN = {"batch_size": 16, "lr": 1e-3, "frames_per_video": 2, "val_frames": 2, "val_clips": 1}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films of a real face and self-blends of them: to learn from, and others."""
    folder = tmp_path_factory.mktemp("films")
    real_faces.blended_films(folder / "train", 50, seed=3)
    real_faces.blended_films(folder / "val", 25, seed=2)
    return folder


@pytest.fixture(scope="module")
def best(films, tmp_path_factory):
    """The weights that each training found best; made when it is first asked for."""
    known: dict[str, Path] = {}

    def of(family):
        if family not in known:
            folder = tmp_path_factory.mktemp(family) / "run"
            made = tuning(films, values({"mode": "full"}, BASES[family], **DRAWN, **RECIPES[family]), kind="video")
            made.run(folder)
            known[family] = folder / "best"
        return known[family]

    return of


def samples_of(films, family):
    val = str(films / "val")
    return gather_samples(val) if family == "clip" else gather_samples(video=val)


def auc_of(weights, samples, **how):
    """What the evaluator says."""
    run = evaluate(load_detector(weights / "detector.yaml", str(weights), **how), samples, plots=False)
    figures = json.loads((run.folder / "metrics.json").read_text())["figures"]
    return next(figures[name]["value"] for name in ("video_auc", "frame_auc") if name in figures), run


def auc_of_page(page, samples):
    """What a program says that was written by the page alone."""
    scores = [
        page.score(sample.path) if sample.path.is_file() else page.score_of_film(sorted(sample.path.iterdir()))
        for sample in samples
    ]
    return roc_auc_score([sample.label for sample in samples], scores)


@pytest.mark.parametrize("family", BASES)
def test_one_auc_in_every_form(best, films, tmp_path, family):
    samples = samples_of(films, family)
    expected, plain = auc_of(best(family), samples, device="cpu", dtype="float32")
    assert 0.65 < expected < 0.99  # a network that learned, and has samples near each other
    given = {}
    for format_ in ("onnx", "openvino", "state_dict"):
        export(str(best(family)), tmp_path / format_, format=format_)
        given[format_], run = auc_of(tmp_path / format_, samples, dtype="float32")
        assert {path.name for path in run.folder.iterdir()} == {path.name for path in plain.folder.iterdir()}
        said = json.loads((run.folder / "run.json").read_text())
        assert said["dtype"] == "float32"
        assert said.get("runtime", {}).get("name") == {"onnx": "onnxruntime", "openvino": "openvino"}.get(format_)
    given["onnx in OpenVINO"], _ = auc_of(tmp_path / "onnx", samples, dtype="float32", runtime="openvino")
    page = exports.Page(tmp_path / "onnx")
    given["the page's lines"] = auc_of_page(page, samples)
    for format_, opened in (("torch_export", _of_export), ("torchscript", _of_torchscript)):
        export(str(best(family)), tmp_path / format_, format=format_)
        page.room["p_fake"] = _fake_by(opened(tmp_path / format_ / ARTEFACTS[format_][0]))
        given[format_] = auc_of_page(page, samples)
    assert given == pytest.approx(dict.fromkeys(given, expected), abs=EQUAL)


def _fake_by(module):
    """P(fake) of one input by a module of torch, as the page's `p_fake` gives it."""

    def p_fake(image):
        with torch.inference_mode():
            return torch.softmax(module(torch.from_numpy(image)[None]), 1)[0, 1].item()

    return p_fake


def _of_export(path):
    return torch.export.load(path).module()


def _of_torchscript(path):
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # torch retires it
        return torch.jit.load(path)


def test_int8_scores_what_it_was_passed_on_as_the_gate_says(best, films, tmp_path):
    sides = {"calibrate_on": films / "train", "gate_on": films / "val"}
    record = export(str(best("clip")), tmp_path / "int8", format="onnx", int8=True, **sides)
    samples = samples_of(films, "clip")
    expected, _ = auc_of(best("clip"), samples, device="cpu", dtype="float32")
    given, run = auc_of(tmp_path / "int8", samples)
    assert expected - given == pytest.approx(record.gate.auc_difference, abs=1e-9)
    assert abs(expected - given) <= 0.002
    assert record.gate.samples == "150 real and 150 fake samples of 50 videos"
    said = json.loads((run.folder / "run.json").read_text())
    assert (said["runtime"]["format"], said["dtype"]) == ("onnx", record.gate.precision)
