"""Training on a frozen backbone: what it said once is believed, where it is whole and of the same things."""

from __future__ import annotations

import json

import made_training
import moving
import numpy as np
import pytest
import tiny
import torch
from made_training import Stop, StopAt, lines, losses, run, run_here, same, tuning, values, weights, write_yaml

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.training.loop import frozen
from deepfakebench_ext.training.loop.feature_file import FeatureFile, Kept

KEPT = "kept_features.bin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    made_training.data(folder, train=10, val=4)
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    moving.shuffled_pairs(folder / "train", 6, seed=1)
    moving.shuffled_pairs(folder / "val", 3, seed=2)
    return folder


def asked(monkeypatch, made) -> list[int]:
    """How many images or clips the backbone is given each time, from now on."""
    rows: list[int] = []
    forward = type(made.detector.backbone).forward

    def counted(self, pixel_values, *args, **options):
        rows.append(len(pixel_values))
        return forward(self, pixel_values, *args, **options)

    monkeypatch.setattr(type(made.detector.backbone), "forward", counted)
    return rows


def test_a_frozen_backbone_is_asked_once_for_each_image(folder, tmp_path, monkeypatch):
    made = tuning(folder, values(epochs=5, dropout=0.2))
    rows = asked(monkeypatch, made)
    made.run(tmp_path / "run")
    assert sum(rows) == 20 + 8 + 8 + 1  # to train, to validate, and the files; one to see how wide its answer is
    assert not (tmp_path / "run" / KEPT).exists()


RECIPES = {
    "images": ("folder", {"mode": "head"}, tiny.CLIP_YAML, {"epochs": 4, "dropout": 0.3, "ema": 0.9}),
    "balanced": ("folder", {"mode": "head"}, tiny.CLIP_YAML, {"epochs": 3, "balance": "sampling", "accumulate": 2}),
    "frames": ("videos", {"mode": "head"}, tiny.CLIP_YAML, {"epochs": 4, "frames_per_video": 3}),
    "clips": (
        "videos",
        {"mode": "gradual", "unfreeze_every": 3},
        tiny.VIDEOMAE_YAML,
        {"epochs": 4, "clips_per_video": 2, "dropout": 0.1},
    ),
}


@pytest.mark.parametrize("what", RECIPES)
def test_it_trains_as_if_the_backbone_were_asked_each_time(what, tmp_path, monkeypatch, request):
    place, mode, base, recipe = RECIPES[what]
    data = request.getfixturevalue(place)
    kind = "video" if place == "videos" else None
    tuning(data, values(mode, base, lr=1e-2, **recipe), kind=kind).run(tmp_path / "kept")
    monkeypatch.setattr(frozen, "MOST_BYTES", 0)
    made = tuning(data, values(mode, base, lr=1e-2, **recipe), kind=kind)
    rows = asked(monkeypatch, made)
    made.run(tmp_path / "asked")
    assert sum(rows) > sum(made.data.class_counts()) * recipe["epochs"]
    assert losses(tmp_path / "kept") == pytest.approx(losses(tmp_path / "asked"), abs=2e-6)
    kept, each = (weights(tmp_path / name / "last") for name in ("kept", "asked"))
    assert all(torch.allclose(kept[name], each[name], atol=1e-5) for name in each)
    figures = [
        [{k: v for k, v in line.items() if "auc" in k} for line in lines(tmp_path / name)] for name in ("kept", "asked")
    ]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("recipe", [{"augmentation": {}}, {"epochs": 1}])
def test_nothing_is_kept_where_pixels_change_or_nothing_comes_again(folder, tmp_path, recipe, monkeypatch):
    opened = []
    monkeypatch.setattr(FeatureFile, "__init__", lambda self, *args, **options: opened.append(args))
    tuning(folder, values(**recipe)).run(tmp_path / "run")
    assert not opened


def whole(content: bytes) -> bytes:
    return content


DAMAGES = {
    "none": whole,
    "cut in the middle of a record": lambda content: content[:-50],
    "a record that was never written": lambda content: content[:-200] + b"\0" * 200,
    "a bit turned": lambda content: content[:1000] + bytes([content[1000] ^ 1]) + content[1001:],
    "something else": lambda content: b"PK\x03\x04" * 100,
    "empty": lambda content: b"",
}
RECIPE = {"epochs": 3, "dropout": 0.2, "balance": "sampling"}


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    tuning(folder, values(**RECIPE)).run(run)
    return run


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_cut_off_goes_on_with_what_is_whole_and_ends_the_same(folder, tmp_path, damage, undisturbed, monkeypatch):
    run = tmp_path / "run"
    for stop in (2, 7):
        with pytest.raises(Stop):
            tuning(folder, values(**RECIPE)).run(run, watchers=[StopAt(stop)], checkpoint_minutes=0)
        content = (run / KEPT).read_bytes()
        (run / KEPT).write_bytes(DAMAGES[damage](content))
    made = tuning(folder, values(**RECIPE))
    rows = asked(monkeypatch, made)
    made.run(run)
    again = sum(rows) - 8 - 8 - 1
    assert (again == 0) == (damage == "none")
    assert losses(run) == pytest.approx(losses(undisturbed), abs=1e-6)
    if damage == "none":
        assert same(weights(run / "last"), weights(undisturbed / "last"))
        assert (run / "metrics.jsonl").read_bytes() == (undisturbed / "metrics.jsonl").read_bytes()


def test_an_image_that_cannot_be_read_is_counted_in_each_epoch_as_without(tmp_path, monkeypatch):
    made_training.data(tmp_path, train=12, val=2)
    (tmp_path / "train/real/005.png").write_bytes(b"not a picture")
    recipe = values(epochs=3, batch_size=6, balance="weights")
    for name, most in (("kept", frozen.MOST_BYTES), ("asked", 0)):
        monkeypatch.setattr(frozen, "MOST_BYTES", most)
        result = tuning(tmp_path, recipe).run(tmp_path / name)
        assert [key.partition("/")[2] for key in result.unreadable] == ["005.png"]
        noted = [(line["samples"], line["unreadable"]) for line in lines(tmp_path / name) if "is_best" in line]
        assert noted == [(23, 1)] * 3
    assert losses(tmp_path / "kept") == pytest.approx(losses(tmp_path / "asked"), abs=1e-6)


def test_two_processes_keep_one_file_and_train_as_one(folder, monkeypatch):
    write_yaml(folder / "recipe.yaml", values(epochs=3, batch_size=6, dropout=0.2))
    monkeypatch.chdir(folder)
    options = ("--detector_config", "recipe.yaml", "--output_dir")
    one, two = run_here(*options, "run1"), run(folder, *options, "run2", "--device", "auto", processes=2)
    assert (folder / "run2/best/README.md").is_file(), two.stderr[-2000:] + one.stderr
    assert losses(folder / "run1") == pytest.approx(losses(folder / "run2"), abs=1e-5)
    assert not (folder / "run2" / KEPT).exists()


def record(sample: int, place: int, value: float) -> Kept:
    return Kept(sample, 5, place, np.full(4, value, np.float32))


def test_a_file_gives_back_what_was_added_also_when_opened_again(tmp_path):
    path = tmp_path / "features"
    first = FeatureFile(path, "a", 4, writes=True)
    first.add([record(0, 1, 0.5), record(7, 3, -2.0)])
    first.close()
    reader = FeatureFile(path, "a", 4, writes=False)
    assert (0, 1) in reader
    assert (0, 2) not in reader
    assert reader[7, 3].tolist() == [-2.0] * 4
    assert reader.counts == {0: 5, 7: 5}
    second = FeatureFile(path, "a", 4, writes=True)
    for each in (second, reader):
        each.add([record(0, 2, 9.0)])
        each.see_others()
        assert each[0, 2].tolist() == [9.0] * 4


@pytest.mark.parametrize(("identity", "width"), [("b", 4), ("a", 5)])
def test_what_is_of_other_weights_samples_or_preprocessing_is_replaced(tmp_path, identity, width):
    FeatureFile(tmp_path / "features", "a", 4, writes=True).add([record(0, 1, 0.5)])
    other = FeatureFile(tmp_path / "features", identity, width, writes=True)
    assert (0, 1) not in other
    assert (0, 1) not in FeatureFile(tmp_path / "features", "a", 4, writes=True)


def test_a_file_changed_under_a_training_is_an_error(tmp_path):
    path = tmp_path / "features"
    held = FeatureFile(path, "a", 4, writes=True)
    held.add([record(0, 1, 0.5)])
    path.write_bytes(path.read_bytes()[:-8] + b"12345678")
    with pytest.raises(OutputError, match="was changed while it was in use"):
        held[0, 1]


def test_other_weights_samples_and_preprocessing_are_other_features(folder, tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(frozen, "fingerprint", lambda identity: found.append(identity) or "same")
    recipe = values()
    for change in (
        {},
        {"seed": 2},
        {"mean": [0.4, 0.5, 0.5]},
        {"training": {**recipe["training"], "precision": "bf16"}},
    ):
        tuning(folder, {**recipe, **change})._frozen(tmp_path)
    made_training.data(tmp_path / "other", train=10, val=4)
    tuning(tmp_path / "other", recipe)._frozen(tmp_path)
    tuning(folder, {**recipe, "training": {**recipe["training"], "lr": 0.5, "epochs": 9}})._frozen(tmp_path)
    keys = [json.dumps(each, sort_keys=True) for each in found]
    assert len(set(keys)) == 5
    assert keys[-1] == keys[0]
