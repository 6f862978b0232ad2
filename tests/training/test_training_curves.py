from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from deepfakebench_ext.training.training_curves import draw_figure, write_training_curves

LINES = [
    {"step": 1, "epoch": 0, "loss": 0.7, "lr": 1e-4},
    {"step": 2, "epoch": 0, "loss": None, "lr": 1e-4},
    {"epoch": 0, "step": 2, "train_loss": 0.7, "is_best": True, "val_frame_auc": 0.6},
    {"step": 3, "epoch": 1, "loss": 0.5, "lr": 1e-4},
    {"epoch": 1, "step": 3, "train_loss": 0.5, "is_best": False, "val_frame_auc": 0.55},
]


def test_the_same_lines_give_the_same_picture(tmp_path):
    for name in ("a.png", "b.png"):
        write_training_curves(tmp_path / name, LINES, monitor="frame_auc", title="a $run$")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_a_whole_epoch_has_a_picture_too(tmp_path):
    write_training_curves(tmp_path / "a.png", LINES[:1], monitor="frame_auc", title="run")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_each_of_several_sets_has_a_line_of_the_watched_figure():
    panel = Figure().subplots()
    values = {"val_frame_auc": 0.6, "val_a/frame_auc": 0.5, "val_b/frame_auc": None, "val_a/frame_eer": 0.1}
    draw_figure(panel, [{"epoch": n, "is_best": n == 0, **values} for n in range(2)], "frame_auc")
    assert [line.get_label() for line in panel.lines] == ["watched", "a", "b", "best, epoch 1"]


@pytest.mark.parametrize("epochs", [1, 2, 3, 40])
def test_epochs_are_whole_numbers(epochs):
    panel = Figure().subplots()
    draw_figure(panel, [{"epoch": n, "is_best": n == 0, "val_frame_auc": 0.5} for n in range(epochs)], "frame_auc")
    ticks = panel.get_xticks().tolist()
    assert ticks == [round(tick) for tick in ticks]
