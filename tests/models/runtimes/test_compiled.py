"""`--runtime` for ordinary weights: compiled once, kept by what they are, equal, and torch where it cannot be."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
import yaml
from click.testing import CliRunner
from without import TORCH, typed

from deepfakebench_ext import gather_samples
from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.common.cpus import usable_cpus
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.predictor import predict
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.models.probability import fake_probability
from deepfakebench_ext.models.runtimes import compiled

HOW = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _kept_there(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    torch.save(tiny.clip_detector_state(), tmp_path / "clip.pth")
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))


def networks(cache):
    return {path for path in cache.rglob("openvino-*") if path.is_dir()}


def test_weights_are_compiled_once_and_equal(cache, monkeypatch):
    plain = load_detector("clip.yaml", "clip.pth", **HOW)
    first = load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    assert len(networks(cache)) == 1
    with monkeypatch.context() as patched:
        patched.setattr(compiled, "_export", lambda *_: pytest.fail("was compiled again"))
        again = load_detector("clip.yaml", "clip.pth", runtime="auto", **HOW)
    pixels = tiny.pixels(5)
    with torch.no_grad():
        expected = plain({"image": pixels})["cls"].numpy()
    for each in (first, again):
        np.testing.assert_allclose(each.session(pixels.numpy()), expected, atol=1e-5)
    assert again.report == plain.report
    assert again.preprocess == plain.preprocess
    assert again.computing["runtime"]["name"] == "openvino"


def test_what_was_compiled_before_is_scored_without_importing_torch(tmp_path):
    photos = str(tiny.photos(tmp_path / "photos", 2))
    how = ("--detector_config", "clip.yaml", "--weights", "clip.pth", "--device", "cpu", "--dtype", "float32")
    words = (*how, "--runtime", "openvino", "--image", photos, "--no_plots", "--output_dir")
    assert CliRunner().invoke(evaluate, [*words, "with"], catch_exceptions=False).exit_code == 0
    done = typed((), "evaluate", *words, "without", unused=TORCH)
    assert done.returncode == 0, done.stderr
    first, second = (next(Path(name).glob("*/scores.csv")).read_bytes() for name in ("with", "without"))
    assert first == second


@pytest.mark.parametrize("damage", ["model.bin", "detector.yaml", "everything"])
def test_a_network_that_is_damaged_is_made_anew(cache, caplog, damage):
    plain = load_detector("clip.yaml", "clip.pth", **HOW)
    load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    for kept in networks(cache):
        if damage == "everything":
            for file in kept.iterdir():
                file.unlink()
        else:
            (kept / damage).write_bytes(b"")
    again = load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    assert "made anew" in caplog.text
    assert again.report == plain.report
    assert all((kept / "model.bin").stat().st_size > 0 for kept in networks(cache))


@pytest.mark.skipif(usable_cpus() < 2, reason="one CPU computes one batch at a time")
def test_batches_side_by_side_score_as_one_after_the_other(monkeypatch, tmp_path):
    samples = gather_samples(tiny.photos(tmp_path / "photos", 8))
    scores = []
    for threads in (1, 2):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        detector = load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
        assert detector.at_a_time == threads
        batches = predict(detector, make_reader(detector), samples, batch_size=3, workers=2)
        scores.append([(each.key, each.score) for batch in batches for each in batch])
    assert scores[0] == scores[1]
    assert [key for key, _ in scores[1]] == [sample.key for sample in samples]


def test_more_threads_than_it_computes_for_wait_for_each_other(tmp_path):
    session = load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW).session
    batches = [tiny.pixels(number % 3 + 1).numpy() + number for number in range(24)]
    alone = [session(batch) for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(session, batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_settings_are_another_network(cache):
    load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    before = networks(cache)
    turned = load_detector("clip.yaml", "clip.pth", runtime="openvino", fake_index=(0,), **HOW)
    assert len(networks(cache)) == len(before) + 1
    plain = load_detector("clip.yaml", "clip.pth", fake_index=(0,), **HOW)
    pixels = tiny.pixels(2)
    with torch.no_grad():
        expected = plain({"image": pixels})["prob"].numpy()
    np.testing.assert_allclose(fake_probability(turned.session(pixels.numpy())), expected, atol=1e-5)


def test_a_run_in_it_is_a_run_of_its_own_with_the_same_scores(tmp_path):
    photos = str(tiny.photos(tmp_path / "photos", 2))
    how = (
        "--detector_config",
        "clip.yaml",
        "--weights",
        "clip.pth",
        "--dtype",
        "float32",
        "--no_plots",
        "--image",
        photos,
    )
    said = {}
    for runtime in ("torch", "openvino"):
        result = CliRunner().invoke(evaluate, [*how, "--json", "--runtime", runtime], catch_exceptions=False)
        assert result.exit_code == 0
        said[runtime] = [each["score"] for each in json.loads(result.stdout)["samples"]]
    assert said["openvino"] == pytest.approx(said["torch"], abs=1e-5)
    runs = [json.loads(path.read_text()) for path in Path("inference_results").glob("*/run.json")]
    assert sorted(run.get("runtime", {}).get("name", "torch") for run in runs) == ["openvino", "torch"]
    assert len({run["weights"]["sha256"] for run in runs}) == 1


def test_auto_is_torch_where_openvino_is_not(monkeypatch, caplog):
    monkeypatch.setattr(compiled, "is_installed", lambda name: False)
    with caplog.at_level(logging.INFO):
        detector = load_detector("clip.yaml", "clip.pth", runtime="auto", **HOW)
    assert "runtime" not in detector.computing
    assert "OpenVINO is not installed" in caplog.text


def test_a_cache_that_cannot_be_written_is_said(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="set XDG_CACHE_HOME"):
        load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    assert "runtime" not in load_detector("clip.yaml", "clip.pth", runtime="auto", **HOW).computing
    assert "cannot be written" in caplog.text


def test_what_is_kept_is_scored_where_nothing_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    (lock,) = tmp_path.glob("own/**/*.lock")
    lock.unlink()
    lock.mkdir()  # as on a disk that is read only, no lock can be had
    monkeypatch.setattr(compiled, "_export", lambda *_: pytest.fail("was compiled again"))
    again = load_detector("clip.yaml", "clip.pth", runtime="openvino", **HOW)
    assert again.computing["runtime"]["name"] == "openvino"


@pytest.mark.parametrize(
    ("runtime", "dtype", "said"),
    [
        ("openvino", "float16", "--dtype float16 is not for OpenVINO"),
        ("onnxruntime", "bfloat16", "--dtype bfloat16 is not for onnxruntime"),
        ("tensorrt", "float32", "runtime 'tensorrt' is not known; allowed are auto, torch, onnxruntime, openvino"),
    ],
)
def test_a_runtime_that_is_not_for_it_is_refused_before_anything_is_compiled(monkeypatch, runtime, dtype, said):
    monkeypatch.setattr(compiled, "_export", lambda *_: pytest.fail("was compiled"))
    with pytest.raises(ConfigError, match=said):
        load_detector("clip.yaml", "clip.pth", runtime=runtime, device="cpu", dtype=dtype)


def test_auto_is_torch_for_numbers_that_openvino_does_not_compute_in(caplog):
    detector = load_detector("clip.yaml", "clip.pth", runtime="auto", device="cpu", dtype="float16")
    assert detector.computing == {"device": "cpu", "dtype": "float16"}
    assert "--dtype float16 is not for OpenVINO" in caplog.text


def test_thresholds_beside_the_weights_are_those_that_stand_there_now(tmp_path):
    tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    config = json.loads((tmp_path / "vit/config.json").read_text())
    (tmp_path / "vit/config.json").write_text(json.dumps(config | {"detector_yaml": "detector.yaml"}))
    found = []
    for value in (0.2, 0.7):
        stored = {"frame": {"value": value, "rule": "best", "real": 4, "fake": 4}}
        said = {"model_name": "huggingface_image", "thresholds": stored}
        (tmp_path / "vit/detector.yaml").write_text(yaml.safe_dump(said))
        detector = load_detector("huggingface_image", tmp_path / "vit", runtime="openvino", **HOW)
        found.append(detector.stored_thresholds["frame"].value)
    assert found == [0.2, 0.7]


def test_deepfakebenchs_protocol_stays_torchs():
    from deepfakebench_ext.evaluation.request import EvaluationRequest

    asked = {"test_dataset": ("UADFV",), "detector_config": "clip.yaml"}
    assert EvaluationRequest(runtime="auto", **asked).runtime_meant is None
    assert EvaluationRequest(runtime="auto", protocol="uniform", **asked).runtime_meant == "auto"
    assert EvaluationRequest(runtime="openvino", **asked).runtime_meant == "openvino"
