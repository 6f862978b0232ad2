"""int8 and its gate: what passes, what is refused with the figures, and on which samples."""

from __future__ import annotations

import exports
import numpy as np
import pytest
import tiny
import yaml
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.exporting import int8
from deepfakebench_ext.exporting.request import ExportRequest
from deepfakebench_ext.models.loading import load_detector


def scored(scores, labels):
    keys = tuple((str(number), 0) for number in range(len(scores)))
    return int8.Scored(keys, np.array(labels), np.array(scores, dtype=np.float64))


def found(before, after, labels):
    return int8.gate(scored(before, labels), scored(after, labels), "int8", "a try")


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


def test_a_refusal_says_the_figures_of_every_try():
    labels = [0, 0, 1, 1]
    said = str(int8.refusal("w.pth", [found([0.1, 0.2, 0.8, 0.9], [0.9, 0.2, 0.8, 0.1], labels)] * 2))
    assert said.count("AUC -0.7500") == 2
    assert "allowed are 0.002 of AUC and 0.05 of a score. Nothing was written" in said


def test_one_set_is_split_by_label_video_and_content(tmp_path):
    tiny.photos(tmp_path, 6)
    (tmp_path / "real/copy.png").write_bytes((tmp_path / "real/000.png").read_bytes())
    samples = collect_samples(tmp_path, kind="image")
    halves = int8.split(samples)
    assert sorted(len(half) for half in halves) == [6, 7]
    assert len({(each.key, each.label) for half in halves for each in half}) == 13
    int8.check_disjoint(*halves)
    with pytest.raises(ConfigError, match=r"--gate_on has 1 samples of --calibrate_on, such as real/copy.png"):
        int8.check_disjoint(
            [each for each in samples if each.key.endswith("real/000.png")],
            [each for each in samples if each.key.endswith("copy.png")],
        )


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


def test_it_passes_is_scored_and_says_what_it_passed(tmp_path, labelled):
    detector = exports.clip(tmp_path)
    request = ExportRequest(output_dir=str(tmp_path / "x"), int8=True, calibrate_on=str(labelled))
    record = request.export(detector)
    assert (record.precision, record.gate.real, record.gate.fake) == ("int8", 21, 21)
    assert int8.passes(record.gate)
    assert yaml.safe_load((tmp_path / "x/detector.yaml").read_text())["export"] == record.model_dump(mode="json")
    assert {path.name for path in (tmp_path / "x").iterdir()} >= {"model.xml", "model.bin", "README.md"}
    again = load_detector(tmp_path / "x/detector.yaml", device="cpu", dtype="float32")
    assert again.computing["dtype"] == "int8 and float32"
    np.testing.assert_allclose(
        again({"image": tiny.pixels(3)})["prob"], detector({"image": tiny.pixels(3)})["prob"].detach(), atol=0.05
    )
    assert "FakeQuantize" in (tmp_path / "x/model.xml").read_text()


def test_what_does_not_pass_leaves_nothing(tmp_path, labelled, monkeypatch):
    monkeypatch.setattr(int8, "LARGEST_SCORE_DIFFERENCE", 0.0)
    monkeypatch.setattr(int8, "_TRIES", int8._TRIES[2:])
    request = ExportRequest(output_dir=str(tmp_path / "x"), int8=True, calibrate_on=str(labelled))
    with pytest.raises(
        ModelError, match=r"does not score in int8 as it does in float32: SmoothQuant 0.5, ends in float"
    ):
        request.export(exports.clip(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"clip.pth"}


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
        ({"int8": True}, "--int8 needs labelled samples"),
        ({"calibrate_on": "x"}, "mean nothing without --int8"),
        ({"int8": True, "calibrate_on": "x", "format": "onnx"}, "--int8 is for --format openvino, not onnx"),
    ],
)
def test_options_that_do_not_go_together_are_refused(asked, said):
    with pytest.raises(ConfigError, match=said):
        ExportRequest(output_dir="y", **asked)
