from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import made_training
import pytest
from click.testing import CliRunner, Result
from made_training import environment, values, write_yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.train import train
from deepfakebench_ext.common.errors import ConfigError, OutputError, WeightsError


@pytest.fixture(autouse=True)
def _data(tmp_path):
    made_training.data(tmp_path)
    write_yaml(tmp_path / "c.yaml", values())


def call(*options: str, data: bool = True) -> Result:
    sides = ("--train", "train", "--val", "val") if data else ()
    said = ["--detector_config", "c.yaml", "--device", "cpu", "--workers", "1", *sides, *options]
    return CliRunner().invoke(train, said, catch_exceptions=True)


def test_a_training_ends_with_figures_and_the_command_that_scores_its_weights(tmp_path):
    result = call("--output_dir", "run")
    assert result.exit_code == 0, result.output
    assert "2 epochs, 8 steps; epoch" in result.stdout
    command = "perf_huggingface.py --weights run/best --image val --num_frames 8 --dtype float32"
    assert f"score with: {command}\n" in result.stdout
    assert "trained 66 of" in result.stderr
    where = r"best balanced accuracy on 4 real and 4 fake frames of validation"
    assert re.search(rf"\nframe threshold 0\.\d+, {where}; --threshold stored decides by it\n", result.stdout)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {".lock", "best", "last", "checkpoint.pt", "curves.png", "metrics.jsonl", "run.json"}
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["versions"]["torch"]
    assert record["identity"]["training"]["seed"] == 1024


@pytest.mark.parametrize("options", [(), ("--detector_config", "run/best/detector.yaml")])
def test_the_printed_command_scores_what_came_out(tmp_path, options):
    call("--output_dir", "run")
    more = ("--dtype", "float32", "--num_frames", "8", *options)
    done = CliRunner().invoke(evaluate, ["--weights", "run/best", "--image", "val", "--json", *more])
    assert done.exit_code == 0, done.stderr
    assert "UNTRAINED" not in done.stderr
    trained = json.loads((tmp_path / "run/best/figures.json").read_text())
    scored = json.loads(done.stdout)
    assert _figure(scored, "frame_auc") == pytest.approx(trained["frame_auc"]["value"], abs=1e-6)


def _figure(summary: dict, name: str) -> float:
    if name in summary.get("figures", {}):
        return summary["figures"][name]["value"]
    return summary["levels"][name.partition("_")[0]]["figures"][name]["value"]


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    result = call("--dry_run")
    assert result.exit_code == 0, result.output
    for words in ("8 real, 8 fake samples", "val: 4 real, 4 fake", "8 steps, 4 an epoch", "MiB"):
        assert words in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_yaml_can_be_changed_and_another_recipe_is_refused_with_what_differs():
    assert call("--output_dir", "run", "--set", "training.epochs=1").exit_code == 0
    result = call("--output_dir", "run", "--set", "training.epochs=2", "tuning.mode=full")
    assert isinstance(result.exception, ConfigError)
    assert "tuning.mode was 'head', now 'full'" in str(result.exception)
    assert "tuning.mode was 'head', now 'full'" in str(result.exception)


def test_the_same_command_again_trains_nothing_more(tmp_path):
    call("--output_dir", "run")
    before = (tmp_path / "run/metrics.jsonl").read_bytes()
    result = call("--output_dir", "run")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == before


def test_a_probe_is_the_baseline_row():
    result = call("--output_dir", "run", "--probe", "--set", "tuning.mode=full")
    assert result.exit_code == 0, result.output
    assert "linear probe, the baseline row:\nframe_auc        1.0000" in result.stdout


def test_a_probe_says_how_its_line_was_fitted_and_no_step_that_was_not_taken(tmp_path):
    result = call("--output_dir", "run", "--probe")
    card = (tmp_path / "run/best/README.md").read_text()
    assert "| C | `" in card
    assert "logistic regression" in card
    assert "training.lr" not in card
    assert "closed-form fit of the head" in result.stderr
    assert " steps" not in result.stderr


def test_the_card_says_the_whole_recipe_and_every_figure_with_its_interval(tmp_path):
    assert call("--output_dir", "run").exit_code == 0
    card = (tmp_path / "run/best/README.md").read_text()
    for row in (
        "| training.weight_decay | `0.05` |",
        '| training.schedule | `"cosine"` |',
        "| training.dropout | `0.0` |",
    ):
        assert row in card
    assert "4 real and 4 fake frames." in card
    figures = json.loads((tmp_path / "run/best/figures.json").read_text())
    assert figures["frame_brier"]["low"] < figures["frame_brier"]["value"] < figures["frame_brier"]["high"]


@pytest.mark.parametrize("side", [("--val", "my val"), ("--val", "val.csv"), ("--val_share", "0.5")])
def test_the_printed_command_runs(side, tmp_path, monkeypatch):
    (tmp_path / "my val").symlink_to("val")
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}\n" for path in (tmp_path / "val").rglob("*.png")]
    (tmp_path / "val.csv").write_text("path,label\n" + "".join(rows))
    result = call("--train", "train", *side, "--output_dir", "the run", data=False)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("score with: ")]
    program, *given = shlex.split(line.removeprefix("score with: "))
    assert program == "perf_huggingface.py"
    given = ["train" if each == "PATH" else each for each in given]
    scored = CliRunner().invoke(evaluate, [*given, "--device", "cpu", "--no_plots"], catch_exceptions=True)
    assert scored.exit_code == 0, scored.output
    if side[0] == "--val":
        (figure,) = [line for line in result.stdout.splitlines() if line.startswith("frame_auc")]
        assert figure.split()[1] == next(x for x in scored.stdout.splitlines() if x.startswith("frame_auc")).split()[1]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--workers", "0", "--workers 0 is not allowed"),
        ("--checkpoint_minutes", "-1", "--checkpoint_minutes -1 is not allowed"),
        ("--checkpoint_minutes", "nan", "--checkpoint_minutes nan is not allowed"),
        ("--val_share", "nan", "--val_share nan is not allowed"),
        ("--val_share", "1", "--val_share 1.0 is not allowed"),
    ],
)
def test_a_number_out_of_range_is_named(option, value, message):
    result = call("--train", "train", option, value, *(() if option == "--val_share" else ("--val", "val")), data=False)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


@pytest.mark.parametrize("name", ["run.json", "checkpoint.pt", "metrics.jsonl"])
def test_a_damaged_file_of_a_run_is_named_with_what_to_do(name, tmp_path):
    assert call("--output_dir", "run").exit_code == 0
    (tmp_path / "run" / name).write_bytes(b"")
    result = call("--output_dir", "run")
    assert isinstance(result.exception, OutputError)
    assert re.search(rf"run/{name} .*(move|remove) run ", str(result.exception))


def test_the_printed_command_cuts_faces_as_the_training_did_and_frames_without_one_are_counted(tmp_path):
    result = call("--output_dir", "run", "--face_detector", "dlib", "--no_face", "full_frame")
    assert result.exit_code == 0, result.output
    options = "--face_detector dlib --face_search full --no_face full_frame"
    command = f"perf_huggingface.py --weights run/best --image val --num_frames 8 {options} --dtype float32"
    assert f"score with: {command}\n" in result.stdout
    assert "16 training samples have frames without a face" in result.stderr
    assert "in validation 8 frames show no face; 8 scores rest on such frames" in result.stderr
    card = (tmp_path / "run/best/README.md").read_text()
    assert f"--weights <this folder or hub id> --image photos/ {options}" in card
    assert "16 training samples have frames without a face" in card


def test_what_cannot_be_read_is_counted_and_the_exit_code_says_so(tmp_path):
    made_training.pictures(tmp_path / "more", 24, seed=3)
    (tmp_path / "more/real/003.png").write_bytes(b"no picture")
    sides = ("--train", "more", "--val", "val")
    result = call(*sides, "--output_dir", "run", "--set", "training.epochs=1", data=False)
    assert result.exit_code == 3, result.output
    assert "not usable: 1 training samples, as said above, and 0 of validation" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), r"give --train \(a folder or a CSV manifest\) or --train_dataset"),
        (("--train", "train", "--train_dataset", "A", "--val", "val"), "not both"),
        (("--train", "train"), r"give --val"),
        (("--train", "train", "--val", "nowhere"), r"--val nowhere does not exist"),
        (("--train", "train", "--val", "train"), "leaks in the data"),
        (("--train", "train", "--val", "val", "--track", "nothing"), "is not one of accelerate's trackers: "),
        (
            ("--train", "train", "--val", "val", "--device", "tpu"),
            "allowed are auto, cpu, cuda$",
        ),
        (("--train", "train", "--val", "val", "--set", "training.precision=fp16"), "float16 needs a CUDA device"),
        (("--train", "train", "--val", "val", "--set", "training.epoch=3"), "did you mean 'epochs'"),
        (("--train", "train", "--val", "val", "--set", "lr=3"), r"did you mean training\.lr\?"),
        (("--train", "train", "--val", "val", "--set", "mode=lora"), r"did you mean tuning\.mode\?"),
        (
            ("--train_dataset", "A", "--val_dataset", "A", "--face_detector", "dlib"),
            "--face_detector means nothing with",
        ),
        (("--train", "train", "--val", "val", "--kind", "sound"), "--kind 'sound' is not allowed"),
    ],
)
def test_a_wrong_command_is_refused_with_what_to_type(options, message):
    result = call(*options, data=False)
    assert isinstance(result.exception, ConfigError)
    assert re.search(message, str(result.exception))


def test_without_a_validation_set_a_share_of_the_sources_can_be_held_out():
    result = call("--train", "train", "--val_share", "0.25", "--output_dir", "run", data=False)
    assert result.exit_code == 0, result.output
    assert "train: 6 real, 6 fake" in result.stderr
    assert "val: 2 real, 2 fake" in result.stderr


def test_tensorboard_gets_losses_and_figures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert call("--output_dir", "run", "--track", "tensorboard").exit_code == 0
    events = EventAccumulator(str(next((tmp_path / "run/run").glob("events*"))))
    events.Reload()
    assert len(events.Scalars("train/loss")) == 8
    assert len(events.Scalars("val/frame_auc")) == 2


def test_a_push_that_will_be_refused_stops_before_any_work(tmp_path, monkeypatch):
    from deepfakebench_ext.models.weights import hub

    def refuse(repo: str) -> None:
        raise WeightsError(f"{repo!r} cannot be written on the hub")

    monkeypatch.setattr(hub, "create_repository", refuse)
    result = call("--output_dir", "run", "--push_to_hub", "me/detector")
    assert isinstance(result.exception, WeightsError)
    assert not (tmp_path / "run").exists()


def test_the_best_weights_are_pushed_at_the_end(tmp_path, monkeypatch):
    from deepfakebench_ext.models.weights import hub

    said = []
    monkeypatch.setattr(hub, "create_repository", said.append)
    monkeypatch.setattr(hub, "push_folder", lambda folder, repo: said.append(folder) or f"https://hub/{repo}")
    result = call("--output_dir", "run", "--push_to_hub", "me/detector")
    assert result.exit_code == 0, result.output
    assert [str(each) for each in said] == ["me/detector", "run/best"]
    assert "pushed to https://hub/me/detector" in result.stdout


def test_help_imports_nothing_heavy():
    code = "import sys; from deepfakebench_ext.cli.train import train; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True)


def test_the_dataset_json_of_deepfakebench_gives_its_splits(tmp_path):
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    document: dict = {"Made": {}}
    for label, name in (("Made_real", "real"), ("Made_fake", "fake")):
        document["Made"][label] = {}
        for split, count in (("train", 4), ("val", 2), ("test", 1)):
            videos = {}
            for number in range(count):
                folder = tmp_path / "rgb/Made" / name / "frames" / f"{split}{number}"
                folder.mkdir(parents=True)
                frames = [folder / f"{index:03d}.png" for index in range(3)]
                for frame in frames:
                    pixels = rng.integers(0, 150, (32, 32, 3)) + (90 if name == "fake" else 0)
                    Image.fromarray(pixels.astype(np.uint8)).save(frame)
                paths = [frame.relative_to(tmp_path / "rgb").as_posix() for frame in frames]
                videos[f"{split}{number}"] = {"label": label, "frames": paths}
            document["Made"][label][split] = videos
    (tmp_path / "json").mkdir()
    (tmp_path / "json/Made.json").write_text(json.dumps(document))
    yaml = {**values(frames_per_video=2, val_frames=3), "label_dict": {"Made_real": 0, "Made_fake": 1}}
    write_yaml(tmp_path / "c.yaml", yaml)
    where = ("--dataset_json_folder", "json", "--rgb_dir", "rgb", "--output_dir", "run")
    result = call("--train_dataset", "Made", "--val_dataset", "Made", *where, data=False)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "train: 4 real, 4 fake samples, 8 of them videos" in result.stderr
    assert "val: 2 real, 2 fake samples; best by video_auc" in result.stderr
