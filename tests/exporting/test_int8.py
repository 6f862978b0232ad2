"""int8 and its gate: what passes, what is refused with the figures, and on which samples."""

from __future__ import annotations

import exports
import numpy as np
import pytest
import tiny
import yaml
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.exporting import int8, quantising
from deepfakebench_ext.exporting.request import ExportRequest
from deepfakebench_ext.models.export.record import ARTEFACTS
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.models.probability import fake_probability


def scored(scores, labels, groups=None):
    keys = tuple((str(number), 0) for number in range(len(scores)))
    groups = np.arange(len(scores)) if groups is None else np.array(groups)
    return int8.Scored(keys, np.array(labels), np.array(scores, dtype=np.float64), groups)


def found(before, after, labels, groups=None):
    return int8.gate(scored(before, labels, groups), scored(after, labels, groups), "int8", "a try")


def test_the_gate_is_the_difference_of_aucs_and_the_largest_of_a_score():
    labels = [0] * 50 + [1] * 50
    before = np.linspace(0, 0.9, 100)
    assert int8.passes(found(before, before + 0.05 - 1e-9, labels))
    moved = found(before, np.where(np.arange(100) == 7, before + 0.06, before), labels)
    assert not int8.passes(moved)
    assert moved.score_difference == pytest.approx(0.06)
    assert moved.auc_difference == 0
    turned = before.copy()
    turned[[48, 51]] = turned[[51, 48]]  # 1 pair of 2500 and its neighbours, by less than 0.05
    slight = found(before, turned, labels)
    assert slight.auc_difference == pytest.approx(3 / 2500)
    assert int8.passes(slight)
    turned[[47, 52]] = turned[[52, 47]]
    worse = found(before, turned, labels)
    assert worse.auc_difference > 0.002
    assert not int8.passes(worse)
    assert worse.low < worse.auc_difference < worse.high


def test_frames_of_a_video_count_as_one_in_the_interval():
    labels, before = [0] * 40 + [1] * 40, np.linspace(0, 0.9, 80)
    after = before.copy()
    after[[36, 37, 40, 41]] = before[[40, 41, 36, 37]]
    alone, clustered = found(before, after, labels), found(before, after, labels, np.arange(80) // 4)
    assert (alone.videos, clustered.videos) == (None, 20)
    assert clustered.auc_difference == alone.auc_difference
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)
    assert clustered.samples == "40 real and 40 fake samples of 20 videos"


def test_a_refusal_says_the_figures_of_every_try():
    labels = [0, 0, 1, 1]
    said = str(int8.refusal("w.pth", [found([0.1, 0.2, 0.8, 0.9], [0.9, 0.2, 0.8, 0.1], labels)] * 2))
    assert said.count("AUC -0.7500") == 2
    assert "allowed are 0.002 of AUC and 0.05 of a score. Nothing was written" in said


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Dark and bright pictures, which any network tells apart."""
    folder, rng = tmp_path_factory.mktemp("labelled"), np.random.default_rng(0)
    for label, lowest in (("real", 0), ("fake", 190)):
        (folder / label).mkdir()
        for number in range(42):
            pixels = rng.integers(lowest, lowest + 60, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


@pytest.mark.parametrize(("format_", "quantised"), [("openvino", "FakeQuantize"), ("onnx", "QuantizeLinear")])
def test_it_passes_is_scored_and_says_what_it_passed(tmp_path, labelled, format_, quantised, monkeypatch):
    if format_ == "onnx":
        monkeypatch.setattr(quantising, "TRIES", quantising.TRIES[3:])
    detector = exports.clip(tmp_path)
    request = ExportRequest(format=format_, output_dir=str(tmp_path / "x"), int8=True, calibrate_on=str(labelled))
    record = request.export(detector)
    assert (record.precision, record.gate.real, record.gate.fake) == ("int8", 21, 21)
    assert int8.passes(record.gate)
    assert yaml.safe_load((tmp_path / "x/detector.yaml").read_text())["export"] == record.model_dump(mode="json")
    network, card = tmp_path / "x" / ARTEFACTS[format_][0], (tmp_path / "x/README.md").read_text()
    assert "on 21 real and 21 fake samples that it was not calibrated on" in card
    again = load_detector(tmp_path / "x/detector.yaml", device="cpu", dtype="float32")
    assert again.computing["dtype"] == "int8 and float32"
    expected = detector({"image": tiny.pixels(3)})["prob"].detach()
    np.testing.assert_allclose(fake_probability(again.session(tiny.pixels(3).numpy())), expected, atol=0.05)
    assert quantised.encode() in network.read_bytes()
    if format_ == "onnx":
        with pytest.raises(ConfigError, match="passed its gate in onnxruntime"):
            load_detector(tmp_path / "x/detector.yaml", device="cpu", runtime="openvino")


def test_what_does_not_pass_leaves_nothing(tmp_path, labelled, monkeypatch):
    monkeypatch.setattr(int8, "LARGEST_SCORE_DIFFERENCE", 0.0)
    monkeypatch.setattr(quantising, "TRIES", quantising.TRIES[3:])
    request = ExportRequest(output_dir=str(tmp_path / "x"), int8=True, calibrate_on=str(labelled))
    with pytest.raises(
        ModelError, match=r"does not score in int8 as it does in float32: SmoothQuant, ends and attention in float: AUC"
    ):
        request.export(exports.clip(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"clip.pth"}


def test_samples_that_cannot_be_read_are_said_of_both_sets(tmp_path, labelled, caplog):
    broken = [tmp_path / "set" / name for name in ("real/0.png", "real/1.png", "fake/2.png")]
    for number, picture in enumerate(sorted(labelled.rglob("*.png"))):
        path = tmp_path / "set" / picture.relative_to(labelled)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture %d" % number if path in broken else picture.read_bytes())
    request = ExportRequest(output_dir=str(tmp_path / "x"), int8=True, calibrate_on=str(tmp_path / "set"))
    record = request.export(exports.clip(tmp_path))
    assert record.gate.real + record.gate.fake == 41
    assert "1 of the 42 samples of the gate could not be read, such as real/1.png" in caplog.text
    assert "2 of the 42 samples of calibration could not be read, such as" in caplog.text


def test_too_few_or_no_labels_are_no_gate(tmp_path):
    tiny.photos(tmp_path / "few", 4)
    tiny.photos(tmp_path / "none", 4, labels=("a",))
    detector = exports.clip(tmp_path)
    for folder in ("few", "none"):
        request = ExportRequest(output_dir=str(tmp_path / "x"), int8=True, calibrate_on=str(tmp_path / folder))
        with pytest.raises(ConfigError, match=r"at least 20 real and 20 fake ones"):
            request.export(detector)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"format": "ONNX"}, "--format 'ONNX' is not known; allowed are onnx, openvino, torch_export"),
        ({"int8": True}, "--int8 needs labelled samples"),
        ({"calibrate_on": "x"}, "mean nothing without --int8"),
        (
            {"int8": True, "calibrate_on": "x", "format": "torchscript"},
            "onnx or openvino, not torchscript",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(asked, said):
    with pytest.raises(ConfigError, match=said):
        ExportRequest(output_dir="y", **asked)
