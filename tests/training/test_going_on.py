"""Runs that are prolonged, runs that cannot go on, and what lies in `last/`."""

from __future__ import annotations

import json
import re

import made_training
import pytest
import torch
from made_training import Stop, StopAt, run_here, same, tuning, values, weights, write_yaml

from deepfakebench_ext.common.errors import ConfigError, ModelError
from deepfakebench_ext.training.results import write_results

LEVEL = {"warmup": 0.0, "schedule": "constant", "ema": 0.9, "dropout": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("going_on")
    made_training.data(folder)
    return folder


@pytest.mark.parametrize("mode", ["full", "gradual"])
def test_a_prolonged_run_ends_as_one_of_that_length(folder, tmp_path, mode):
    for epochs in (1, 3):
        made = tuning(folder, values({"mode": mode}, epochs=epochs, **LEVEL))
        made.run(tmp_path / "prolonged")
        assert made.notices == []
    tuning(folder, values({"mode": mode}, epochs=3, **LEVEL)).run(tmp_path / "whole")
    for part in ("best", "last"):
        assert same(weights(tmp_path / "prolonged" / part), weights(tmp_path / "whole" / part))
    for name in ("metrics.jsonl", "checkpoint.pt", "best/detector.yaml"):
        assert (tmp_path / "prolonged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert json.loads((tmp_path / "prolonged/run.json").read_text())["lengths"] == [1, 3]


def test_what_becomes_of_a_schedule_that_goes_by_the_length_is_said(folder, tmp_path):
    for epochs in (2, 4, 4):
        made = tuning(folder, values(epochs=epochs, warmup=0.0))
        made.run(tmp_path / "run")
    (notice,) = made.notices
    assert notice.kind == "prolonged"
    assert "this run of 2, then 4 epochs was prolonged" in notice.text
    journal = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in journal if "lr" in line]
    assert f"{rates[7]:.2g} at the end of epoch 2" in notice.text
    assert f"is {rates[8]:.2g} there" in notice.text


def test_a_run_that_patience_ended_says_that_more_epochs_add_nothing(folder, tmp_path):
    for epochs, patience in ((5, 1), (9, 1), (9, 1)):
        made = tuning(folder, values(epochs=epochs, patience=patience, min_delta=0.9, monitor="accuracy", lr=1e-30))
        result = made.run(tmp_path / "run")
    assert (result.position.epoch, result.position.stopped) == (2, True)
    (notice,) = made.notices
    assert "training.patience=1 ended this run after epoch 2" in notice.text
    assert "training.epochs=9 adds nothing" in notice.text


def test_better_weights_leave_nothing_beside_them_that_is_of_others(folder, tmp_path):
    made = tuning(folder, values({"mode": "full"}, epochs=1, monitor="loss"))
    write_results(made, made.run(tmp_path / "run"), {})
    of_others = [tmp_path / "run/best" / name for name in ("best.pth", "README.md", "figures.json")]
    before = weights(tmp_path / "run/best")
    assert all(path.is_file() for path in of_others)
    with pytest.raises(Stop):
        tuning(folder, values({"mode": "full"}, epochs=3, monitor="loss")).run(tmp_path / "run", watchers=[StopAt(9)])
    assert not same(before, weights(tmp_path / "run/best"))
    assert not any(path.exists() for path in of_others)


def test_a_run_is_not_shortened_and_nothing_else_changes_with_its_length(folder, tmp_path):
    tuning(folder, values(epochs=2)).run(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"training\.epochs was 2, now 1"):
        tuning(folder, values(epochs=1)).run(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"settings: training\.lr was 0\.001, now 0\.1\. Undo"):
        tuning(folder, values(epochs=3, lr=0.1)).run(tmp_path / "run")
    tuning(folder, values(epochs=2, threshold_fpr=0.1)).run(tmp_path / "run")


def test_last_is_the_average_also_where_the_run_was_cut_off(folder, tmp_path):
    content = values({"mode": "full"}, epochs=2, ema=0.99)
    whole = tuning(folder, content)
    whole.run(tmp_path / "whole")
    with pytest.raises(Stop):
        tuning(folder, content).run(tmp_path / "cut", watchers=[StopAt(5)], checkpoint_minutes=0)
    tuning(folder, content).run(tmp_path / "cut")
    state = torch.load(tmp_path / "whole/checkpoint.pt", weights_only=True)
    last = weights(tmp_path / "whole/last")
    assert torch.equal(last["head.weight"], state["average"]["head.weight"])
    assert not torch.equal(last["head.weight"], state["model"]["head.weight"])
    assert torch.equal(whole.detector.head.weight, state["model"]["head.weight"])
    assert same(last, weights(tmp_path / "cut/last"))


def test_the_advice_after_a_loss_that_is_not_finite_works_when_typed(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    config = write_yaml(tmp_path / "tiny.yaml", values({"mode": "full"}, epochs=1))
    said = [
        "--detector_config",
        config,
        "--output_dir",
        tmp_path / "run",
        "--set",
        "training.lr=0.01",
        "training.head_lr=0.1",
    ]
    with monkeypatch.context() as patch:
        from deepfakebench_ext.training.loop import stepping

        plain, factors = stepping.sample_losses, iter([1.0])
        patch.setattr(stepping, "sample_losses", lambda *given: plain(*given) * next(factors, float("nan")))
        failed = run_here(*said)
    advice = re.search(r"with this at its end: (--set .*) \(", str(failed.exception))
    assert advice is not None, failed.output
    assert advice[1].startswith("--set training.lr=0.001 training.head_lr=0.01 --output_dir ")
    done = run_here(*said, *advice[1].split())
    assert done.exit_code == 0, (done.output, done.exception)
    assert (tmp_path / "run-2/best/model.safetensors").is_file()


@pytest.mark.parametrize(("precision", "said"), [("float32", "give other --weights"), ("bfloat16", "=float32")])
def test_before_the_first_step_no_rate_is_blamed(folder, tmp_path, precision, said):
    made = tuning(folder, values(precision=precision))
    with torch.no_grad():
        made.detector.backbone.post_layernorm.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match=said) as failed:
        made.run(tmp_path / "run")
    assert "in step 0" in str(failed.value)
    assert "training.lr" not in str(failed.value)
