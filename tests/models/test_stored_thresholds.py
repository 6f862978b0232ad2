"""The thresholds that a training stores with its weights, and who takes them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import made_training
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from made_training import tuning, values
from sklearn.metrics import balanced_accuracy_score

from deepfakebench_ext.cli.evaluate import evaluate as evaluate_command
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.thresholds import alarm_rate_threshold, balanced_threshold
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.models.stored_thresholds import stored_from
from deepfakebench_ext.training.results import write_results


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of one epoch whose scores all lie on one side of 0.5."""
    folder = tmp_path_factory.mktemp("run")
    made_training.data(folder)
    made = tuning(folder, values({"mode": "full"}, epochs=2, lr=3e-3))
    made.detector.head.bias.data.copy_(made.detector.head.bias.new_tensor([0.0, 6.0]))
    write_results(made, made.run(folder / "run"), {})
    return folder


def _evaluated(folder: Path, *options: object):
    said = ["--image", str(folder / "val"), "--device", "cpu", "--dtype", "float32", "--no_plots", *map(str, options)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(evaluate_command, said)


def test_best_stores_where_balanced_accuracy_is_best_with_rule_level_and_numbers(run):
    (level, each), *more = load_detector(
        run / "run/best/detector.yaml", str(run / "run/best")
    ).stored_thresholds.items()
    assert (level, more) == ("frame", [])
    assert each.text("frame") == f"{each.value:.4f}, best balanced accuracy on 4 real and 4 fake frames of validation"
    assert each.value > 0.5


@pytest.mark.parametrize("weights", ["run/best", "run/best/best.pth", "run/best/model.safetensors"])
def test_the_evaluator_decides_by_it_when_asked(run, weights):
    said = ["--weights", weights, "--detector_config", "run/best/detector.yaml"]
    plain, asked = _evaluated(run, *said), _evaluated(run, *said, "--threshold", "stored")
    assert "frame_accuracy  0.5000" in plain.output
    assert re.search(r"WARNING: decisions are made at 0.5; the weights store 0\.\d+, best balanced acc", plain.output)
    assert "frame_accuracy_at_threshold 1.0000" in asked.output
    assert f"stored in {weights}: best balanced accuracy on 4 real and 4 fake frames of validation" in asked.output
    assert "decisions are made at 0.5" not in asked.output
    assert len(re.findall(r"P\(fake\) 0\.\d+  real$", asked.output, re.M)) == 4
    text = (run / "inference_results_huggingface.txt").read_text()
    assert text.count("| Pred: 0 (") == text.count("| Pred: 1 (") == 4
    assert re.search(r"A score above 0\.\d+ is decided as fake \(stored in .*\)\.\n", text)
    assert "Accuracy: 100.00%" in text


@pytest.mark.parametrize("weights", ["run/best", "run/best/best.pth"])
def test_no_threshold_is_taken_for_the_scores_of_the_other_logit(run, weights):
    said = ["--weights", weights, "--detector_config", "run/best/detector.yaml"]
    refused = _evaluated(run, *said, "--fake_index", "0", "--threshold", "stored")
    assert "stores no threshold for frames" in str(refused.exception)
    assert "which is not of the scores that another --fake_index gives" in str(refused.exception)
    assert "decisions are made at 0.5" not in _evaluated(run, *said, "--fake_index", "0").output
    assert "at_threshold 1.0000" in _evaluated(run, *said, "--fake_index", "1", "--threshold", "stored").output


def test_a_folder_keeps_its_own_under_another_config(run):
    assert (
        "at_threshold 1.0000"
        in _evaluated(
            run, "--weights", "run/best", "--detector_config", "huggingface_clip", "--threshold", "stored"
        ).output
    )


def test_a_yaml_that_the_folder_does_not_name_as_its_own_is_not_asked(run, tmp_path):
    shutil.copytree(run / "run/best", tmp_path / "best")
    config = tmp_path / "best/config.json"
    config.write_text(config.read_text().replace('"detector_yaml": "detector.yaml"', '"other": 1'))
    detector = load_detector(run / "run/best/detector.yaml", str(tmp_path / "best"), device="cpu")
    assert detector.stored_thresholds == {}


def test_weights_without_one_say_what_to_type(run):
    shutil.copy(run / "run/best/model.safetensors", run / "lone.safetensors")
    said = ["--detector_config", "run/best/detector.yaml", "--weights", "lone.safetensors", "--threshold"]
    assert "lone.safetensors stores no threshold for frames" in str(_evaluated(run, *said, "stored").exception)
    assert "--threshold 0.5" in str(_evaluated(run, *said, "stored").exception)
    assert "frame_accuracy_at_threshold" in _evaluated(run, *said, "0.7").output
    assert "'high' is not allowed: give a score from 0 to 1, or stored" in str(_evaluated(run, *said, "high").exception)


def test_a_stated_rate_of_false_alarms_puts_it_elsewhere(run):
    made = tuning(run, values({"mode": "head"}, epochs=1, threshold_fpr=0.25))
    result = made.run(run / "rate")
    write_results(made, result, {})
    said = yaml.safe_load((run / "rate/best/detector.yaml").read_text())["thresholds"]["frame"]
    table = result.validated.table
    assert said["rule"] == "at most 25 % of reals called fake"
    assert np.mean(table.scores[table.labels == 0] > said["value"]) <= 0.25


def test_thresholds_are_the_best_there_are():
    rng = np.random.default_rng(3)
    for _ in range(20):
        labels, scores = rng.permutation([0] * 9 + [1] * 7), np.round(rng.random(16), 1)
        cuts = [-1.0, *np.unique(scores)]
        best = max(balanced_accuracy_score(labels, scores > cut) for cut in cuts)
        assert balanced_accuracy_score(labels, scores > balanced_threshold(labels, scores)) == pytest.approx(best)
        for rate in (0.0, 0.12, 0.5):
            cut = alarm_rate_threshold(labels, scores, rate)
            good = [each for each in cuts if np.mean(scores[labels == 0] > each) <= rate]
            found = max(np.mean(scores[labels == 1] > each) for each in good)
            assert np.mean(scores[labels == 0] > cut) <= rate
            assert np.mean(scores[labels == 1] > cut) == found


@pytest.mark.parametrize(
    "said", [[], 3, {"frame": 0.5}, {"frames": {}}, {"frame": {"value": 2, "rule": "", "real": 1, "fake": 1}}]
)
def test_what_a_stranger_wrote_is_checked(said):
    if said == []:
        assert stored_from(said, "x.pth") == {}
    else:
        with pytest.raises(ConfigError, match=r"x\.pth: thresholds"):
            stored_from(said, "x.pth")
