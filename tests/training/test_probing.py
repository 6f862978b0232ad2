from __future__ import annotations

import made_training
import moving
import numpy as np
import pytest
import tiny
import torch
from made_training import tuning, values, weights

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.training import probing
from deepfakebench_ext.training.probing import fit_line, probe
from deepfakebench_ext.training.results import write_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    made_training.data(folder, train=12)
    return folder


def test_a_probe_separates_what_a_line_can_separate(folder, tmp_path):
    made = tuning(folder, values())
    result = probe(made, tmp_path / "run")
    assert result.validated.value == 1.0
    figures = write_results(made, result, {}).figures
    assert figures["frame_auc"].value == 1.0
    assert "frame_auc" in (result.best / "README.md").read_text()
    assert not (tmp_path / "run/last").exists()


def test_only_the_head_is_fitted(folder, tmp_path):
    made = tuning(folder, values())
    before = {name: tensor.clone() for name, tensor in made.detector.state_dict().items()}
    result = probe(made, tmp_path / "run")
    moved = {name for name, tensor in result.detector.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"head.weight", "head.bias"}


def test_features_are_computed_once(folder, tmp_path, monkeypatch):
    probe(tuning(folder, values()), tmp_path / "run")
    first = weights(tmp_path / "run/best")["head.weight"]

    def never(*args, **options):
        raise AssertionError("features were computed again")

    monkeypatch.setattr(probing, "compute", never)
    probe(tuning(folder, values()), tmp_path / "run")
    assert torch.equal(weights(tmp_path / "run/best")["head.weight"], first)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"{}"])
def test_damaged_features_are_computed_anew(folder, tmp_path, damage, caplog):
    probe(tuning(folder, values()), tmp_path / "run")
    path = tmp_path / "run/features.npz"
    whole, first = path.read_bytes(), weights(tmp_path / "run/best")["head.weight"]
    path.write_bytes(damage or whole[: len(whole) // 2])
    probe(tuning(folder, values()), tmp_path / "run")
    assert "features.npz is damaged" in caplog.text
    assert torch.equal(weights(tmp_path / "run/best")["head.weight"], first)
    with np.load(path) as held:
        assert set(held) == {f"{side}_{what}" for side in ("train", "val") for what in ("matrix", "predictions")} | {
            "identity"
        }


def test_a_line_says_what_scikit_learn_says():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5)).astype(np.float32) * [1, 10, 0.1, 1, 0] + [0, 5, 0, -3, 2]
    labels = (features[:, 0] + 0.1 * features[:, 1] + rng.normal(size=60) > 0.5).astype(np.int64)
    line = fit_line(features.astype(np.float32), labels, 0.3, balanced=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, class_weight="balanced"))
    model.fit(features.astype(np.float32).astype(np.float64), labels)
    expected = model.decision_function(features.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(line.logits(features.astype(np.float32)), expected, atol=1e-3)


def test_a_head_whose_first_logit_means_fake_is_fitted_the_right_way_round(folder, tmp_path):
    start = tiny.save_folder(tiny.vit_classifier({0: "fake", 1: "real"}), tmp_path / "start")
    base = {"model_name": "huggingface_image", "huggingface_model_name": str(start)}
    result = probe(tuning(folder, values(base=base)), tmp_path / "run")
    assert result.detector.report.label_order.fake == (0,)
    assert result.validated.value == 1.0


def test_clips_of_videos_are_probed_and_a_short_one_is_counted(tmp_path):
    moving.shuffled_pairs(tmp_path / "train", 5, seed=1)
    moving.shuffled_pairs(tmp_path / "val", 3, seed=2)
    for path in sorted((tmp_path / "train/real/source_000").iterdir())[2:]:
        path.unlink()
    made = tuning(tmp_path, values({"l2_normalise": True}, tiny.VIDEOMAE_YAML))
    result = probe(made, tmp_path / "run")
    assert "video_auc" in result.validated.figures
    assert result.unreadable == ("real/source_000",)


def test_a_recipe_that_a_closed_form_cannot_follow_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"trains the head alone; tuning\.mode is full"):
        probe(tuning(folder, values({"mode": "full"})), tmp_path / "run")


def test_a_probe_is_not_mixed_with_a_training(folder, tmp_path):
    tuning(folder, values(epochs=1)).run(tmp_path / "run")
    with pytest.raises(ConfigError, match="other settings"):
        probe(tuning(folder, values(epochs=1)), tmp_path / "run")


@pytest.mark.parametrize(("tried", "is_said"), [((0.1,), True), ((1e-9, 0.1), True), ((1e-9, 0.1, 1e-8), False)])
def test_a_best_strength_at_the_edge_of_what_was_tried_is_said(folder, tmp_path, monkeypatch, tried, is_said):
    monkeypatch.setattr(probing, "STRENGTHS", tried)
    made = tuning(folder, values(monitor="loss"))
    result = probe(made, tmp_path / "run")
    assert result.fit["C"] == 0.1
    said = write_results(made, result, {}).said
    assert [("C = 0.1, at the edge" in each.text) for each in said if each.kind == "at_the_edge"] == [True] * is_said
    assert ("at the edge" in (result.best / "README.md").read_text()) == is_said
