"""What is watched: the figures of each of several validation sets, the loss, and the precision that both are of."""

from __future__ import annotations

import json
import shlex

import made_training
import pytest
import torch
from click.testing import CliRunner
from made_training import pictures, tuning, values, write_yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.train import train
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.training.request import TrainingRequest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    made_training.data(folder)
    pictures(folder / "other", 3, seed=5)
    write_yaml(folder / "c.yaml", values({"mode": "full"}))
    return folder


@pytest.fixture(autouse=True)
def _inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def call(*options: str):
    said = ["--detector_config", "c.yaml", "--train", "train", "--device", "cpu", "--workers", "1", *options]
    return CliRunner().invoke(train, said)


@pytest.fixture(scope="module")
def done(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return call("--val", "val", "other", "--output_dir", "run", "--set", "training.monitor=other/loss")


def test_each_of_several_sets_has_figures_in_the_journal_on_the_screen_and_in_the_card(done, folder):
    assert done.exit_code == 0, (done.output, done.exception)
    assert "val: 7 real, 7 fake samples of val, other; best by other/frame_log_loss" in done.stderr
    epochs = [
        line for line in map(json.loads, (folder / "run/metrics.jsonl").read_text().splitlines()) if "is_best" in line
    ]
    for line in epochs:
        names = ("val_frame_log_loss", "val_val/frame_auc", "val_other/frame_auc", "val_other/frame_log_loss")
        assert all(isinstance(line[name], float) for name in names)
        both = [(line[f"val_{name}/frame_log_loss"], count) for name, count in (("val", 8), ("other", 6))]
        assert line["val_frame_log_loss"] == pytest.approx(sum(loss * count for loss, count in both) / 14)
    said = f"(val {epochs[0]['val_val/frame_log_loss']:.4f}, other {epochs[0]['val_other/frame_log_loss']:.4f})"
    assert f"epoch 1: loss {epochs[0]['train_loss']:.4f}, other/frame_log_loss" in done.stderr
    assert said in done.stderr
    best = min(epochs, key=lambda line: line["val_other/frame_log_loss"])
    assert f"epoch {best['epoch'] + 1} was best" in done.stdout
    card = (folder / "run/best/README.md").read_text()
    assert f"| other/frame_auc | {best['val_other/frame_auc']:.4f} |" in card


def test_the_printed_commands_score_each_of_them_as_it_was_validated(done, folder):
    commands = [line for line in done.stdout.splitlines() if line.startswith("score with: ")]
    assert len(commands) == 2
    for line, name in zip(commands, ("val", "other"), strict=True):
        given = shlex.split(line.removeprefix("score with: "))[1:]
        assert given[given.index("--image") + 1] == name
        scored = CliRunner().invoke(evaluate, [*given, "--device", "cpu", "--no_plots"])
        assert scored.exit_code == 0, scored.output
        said = next(line for line in done.stdout.splitlines() if line.startswith(f"{name}/frame_log_loss")).split()[1]
        run = scored.stdout.rpartition("results in ")[2].strip()
        figure = json.loads((folder / run / "metrics.json").read_text())["figures"]["frame_log_loss"]
        assert f"{figure['value']:.4f}" == said


def test_what_is_held_out_is_listed_and_scored_by_the_printed_command(folder):
    result = call("--val_share", "0.5", "--output_dir", "held")
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("score with: ")]
    given = shlex.split(line.removeprefix("score with: "))[1:]
    assert given[given.index("--manifest") + 1] == "held/validation.csv"
    scored = CliRunner().invoke(evaluate, [*given, "--device", "cpu", "--no_plots"])
    assert scored.exit_code == 0, scored.output
    assert f"{result.stderr.split('val: ')[1].split()[0]} real" in scored.output
    lines = (next(x for x in each.stdout.splitlines() if x.startswith("frame_auc")) for each in (result, scored))
    assert len({line.split()[1] for line in lines}) == 1


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("third/auc", r"'third/auc' is of 'third', and the validation samples are of val, other"),
        ("other/best", r"training\.monitor: 'best' is not a figure that can be watched"),
    ],
)
def test_what_cannot_be_watched_is_said(monitor, message):
    said = call("--val", "val", "other", "--set", f"training.monitor={monitor}", "--dry_run")
    with pytest.raises(ConfigError, match=message):
        raise said.exception


def test_a_video_of_training_is_found_in_any_of_several_sets(folder):
    for name, options in (("one", ("val",)), ("several", ("val", "train"))):
        request = TrainingRequest(detector_config="c.yaml", train="train", val=options, device="cpu")
        if name == "one":
            request.prepare()
        else:
            with pytest.raises(ConfigError, match=r"16 leaks in the data:\n  train/fake/000\.png \(train\)"):
                request.prepare()


def test_validation_computes_in_the_precision_of_the_training_and_says_so(folder, monkeypatch):
    assert (
        ", in bfloat16 as trained; once more in float32 for the results"
        in call("--val", "val", "--set", "training.precision=bf16", "--dry_run").stderr
    )
    made = tuning(folder, values({"mode": "full"}, precision="bf16"))
    seen: list[tuple[bool, torch.dtype, torch.dtype]] = []
    features, head = type(made.detector).features, made.detector.head

    def noted(self, data_dict):
        found = features(self, data_dict)
        layer = next(each for each in self.backbone.modules() if isinstance(each, torch.nn.Linear))
        seen.append(
            (torch.is_autocast_enabled("cpu"), layer(torch.ones(1, layer.in_features)).dtype, head(found).dtype)
        )
        return found

    monkeypatch.setattr(type(made.detector), "features", noted)
    rounded = made.validator(made.detector)
    assert {each[:2] for each in seen} == {(True, torch.bfloat16)}
    seen.clear()
    exact = made.validator(made.detector, as_trained=False)
    assert {each[:2] for each in seen} == {(False, torch.float32)}
    scores = rounded.table.scores
    assert not (scores == exact.table.scores).all()
    assert scores == pytest.approx(exact.table.scores, abs=0.05)
    # The head computes in float32: logits rounded to bfloat16 would tie scores.
    assert made.detector.classifier(torch.ones(1, 32)).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert made.detector.classifier(torch.ones(1, 32)).dtype == torch.float32


@pytest.mark.parametrize("again", ["val/", "./val", "val/real/000.png", "list.csv"])
def test_a_sample_that_two_sets_hold_is_refused(folder, again):
    (folder / "list.csv").write_text("path,label\nval/real/000.png,real\n")
    with pytest.raises(ConfigError, match=r"--val val and .* both hold .*/val/.*\.png, which would count twice"):
        TrainingRequest(detector_config="c.yaml", train="train", val=["val", again]).prepare()


def test_a_set_that_is_given_twice_is_one(folder):
    made, _ = TrainingRequest(detector_config="c.yaml", train="train", val=["val", "val"], device="cpu").prepare()
    assert (len(made.inputs.val), made.validator.sets) == (8, ())
    assert made.inputs.given_as == (("--image", "val"),)
