from __future__ import annotations

import made_training
import numpy as np
import pytest
import torch
from made_training import Stop, StopAt, lines, losses, same, tuning, values, weights

from deepfakebench_ext.common.errors import ModelError, OutputError
from deepfakebench_ext.common.journal import Journal
from deepfakebench_ext.training.loop.watching import ProgressLine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    made_training.data(folder)
    return folder


def test_training_learns_what_is_there_to_be_learned(folder, tmp_path):
    result = tuning(folder, values({"mode": "full"}, epochs=8)).run(tmp_path / "run")
    assert result.validated.value == 1.0
    found = losses(tmp_path / "run")
    assert sum(found[-4:]) < 0.7 * sum(found[:4])


EVERYTHING = {"dropout": 0.2, "ema": 0.9, "accumulate": 2, "augmentation": {}, "balance": "sampling", "epochs": 4}
GRADUAL = {"mode": "gradual", "unfreeze_every": 1}


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    tuning(folder, values(GRADUAL, **EVERYTHING)).run(run)
    return run


@pytest.mark.parametrize("stops", [[1], [2, 3], [5, 6, 7], [8]])
def test_a_run_that_was_cut_off_ends_as_an_undisturbed_one(folder, tmp_path, undisturbed, stops):
    run = tmp_path / "run"
    for stop in stops:
        with pytest.raises(Stop):
            tuning(folder, values(GRADUAL, **EVERYTHING)).run(run, watchers=[StopAt(stop)], checkpoint_minutes=0)
    tuning(folder, values(GRADUAL, **EVERYTHING)).run(run, checkpoint_minutes=0)
    for part in ("best", "last"):
        assert same(weights(run / part), weights(undisturbed / part))
    for name in ("metrics.jsonl", "checkpoint.pt"):
        assert (run / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_run_that_is_done_is_not_trained_again(folder, undisturbed):
    before = (undisturbed / "metrics.jsonl").read_bytes()
    result = tuning(folder, values(GRADUAL, **EVERYTHING)).run(undisturbed, watchers=[StopAt(1)])
    assert result.position.epoch == 4
    assert (undisturbed / "metrics.jsonl").read_bytes() == before


def test_accumulated_batches_train_as_one_large_batch(folder, tmp_path):
    for name, recipe in (("one", {"batch_size": 8}), ("two", {"batch_size": 4, "accumulate": 2})):
        tuning(folder, values({"mode": "full"}, **recipe)).run(tmp_path / name)
    # Not the weights: Adam makes whole steps of rounding errors where a gradient is 0, as for a key's bias.
    assert losses(tmp_path / "one") == pytest.approx(losses(tmp_path / "two"), abs=1e-5)


@pytest.mark.parametrize("mode", ["head", "layernorm", "partial", "gradual", "svd", "lora", "full"])
def test_what_is_frozen_does_not_move_by_a_bit(folder, tmp_path, mode):
    made = tuning(folder, values({"mode": mode, "share": 0.5}, epochs=1))
    before = {name: p.detach().clone() for name, p in made.detector.named_parameters()}
    made.run(tmp_path / "run")
    after = dict(made.detector.named_parameters())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    trained = {name for name, parameter in after.items() if parameter.requires_grad}
    assert moved <= trained
    assert "head.weight" in moved
    assert mode == "full" or len(trained) < len(after)


@pytest.mark.parametrize("mode", ["svd", "lora"])
def test_what_comes_out_merged_computes_what_was_trained(folder, tmp_path, mode):
    made = tuning(folder, values({"mode": mode}, epochs=2, lr=1e-2))
    result = made.run(tmp_path / "run")
    from deepfakebench_ext.models.loading import load_detector

    last = load_detector(tmp_path / "run/last/detector.yaml", str(tmp_path / "run/last"), dtype="float32")
    images = {"image": torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))}
    made.detector.eval()
    with torch.no_grad():
        torch.testing.assert_close(last(images)["cls"], made.detector(images)["cls"], atol=1e-5, rtol=1e-5)
    assert not any("residual" in name or "lora" in name for name in weights(tmp_path / "run/best"))
    assert result.validated.value is not None


def test_the_average_is_what_is_validated_and_saved(folder, tmp_path):
    tuning(folder, values({"mode": "full"}, epochs=2)).run(tmp_path / "plain")
    tuning(folder, values({"mode": "full"}, epochs=2, ema=0.99)).run(tmp_path / "average")
    assert losses(tmp_path / "plain") == losses(tmp_path / "average")
    assert not same(weights(tmp_path / "plain/best"), weights(tmp_path / "average/best"))


def scripted(monkeypatch, made, name, found, loss=None):
    """Let validation give these values and losses, one an epoch, and then the best one for the check of the files."""
    from deepfakebench_ext.metrics.figure import Figure
    from deepfakebench_ext.training.loop.validation import Validated, Validator

    waiting = iter(zip(found, loss or [0.5] * len(found), strict=True))

    def validated(self, detector, as_trained=True):
        value, lost = next(waiting)
        figures = {name: Figure(value, "made up"), "frame_log_loss": Figure(lost, "made up")}
        return Validated(figures, value, lost, None, ())

    monkeypatch.setattr(Validator, "__call__", validated)
    return made


@pytest.mark.parametrize(
    ("recipe", "found", "epochs", "best"),
    [
        ({"patience": 2}, [0.6, 0.7, 0.7, 0.65, 0.7], 4, 1),
        ({"patience": 1, "min_delta": 0.05}, [0.6, 0.7, 0.74, 0.7], 3, 1),
        ({"patience": None}, [0.7, 0.6, 0.5, 0.4, 0.3, 0.7], 5, 0),
        ({"patience": 1, "monitor": "eer"}, [0.4, 0.2, 0.3, 0.2], 3, 1),
    ],
)
def test_the_watched_figure_says_which_epoch_is_best_and_when_to_stop(
    folder, tmp_path, monkeypatch, recipe, found, epochs, best
):
    recipe = {"monitor": "auc", "epochs": 5, **recipe}
    made = scripted(monkeypatch, tuning(folder, values(**recipe)), f"frame_{recipe['monitor']}", found)
    result = made.run(tmp_path / "run")
    assert (result.position.epoch, result.position.best_epoch) == (epochs, best)
    assert result.position.stopped == (epochs < 5)
    is_best = [line["is_best"] for line in lines(tmp_path / "run") if "is_best" in line]
    assert len(is_best) == epochs
    assert is_best[0]
    assert max(epoch for epoch, each in enumerate(is_best) if each) == best


def test_of_equal_figures_the_smaller_loss_is_better_and_no_epoch_is_stale_for_it(folder, tmp_path, monkeypatch):
    values_, losses_ = [1.0, 1.0, 1.0, 1.0, 1.0], [0.5, 0.3, 0.4, 0.4, 0.3]
    recipe = values(monitor="auc", epochs=5, patience=2)
    made = scripted(monkeypatch, tuning(folder, recipe), "frame_auc", values_, losses_)
    position = made.run(tmp_path / "run").position
    assert (position.epoch, position.best_epoch, position.best_loss, position.stopped) == (4, 1, 0.3, True)


def test_the_loss_can_be_watched_and_is_journaled_after_each_epoch(folder, tmp_path):
    result = tuning(folder, values(monitor="loss", epochs=2)).run(tmp_path / "run")
    epochs = [line for line in lines(tmp_path / "run") if "is_best" in line]
    noted = [line["val_frame_log_loss"] for line in epochs]
    assert len(noted) == 2 and min(noted) == noted[result.position.best_epoch] == result.position.best
    rows = result.validated.table
    expected = -np.mean(np.where(rows.labels == 1, np.log(rows.scores), np.log1p(-rows.scores)))
    assert result.validated.loss == pytest.approx(expected, rel=1e-9)


def test_files_that_do_not_score_as_was_validated_are_an_error(folder, tmp_path, monkeypatch):
    made = scripted(monkeypatch, tuning(folder, values(epochs=1)), "frame_auc", [0.9, 0.5])
    with pytest.raises(ModelError, match="the files do not hold what was trained"):
        made.run(tmp_path / "run")


def test_a_decision_that_rounding_carries_over_the_threshold_is_no_error(folder, tmp_path, monkeypatch):
    found = {"found": [1.0, 0.0], "loss": [0.69, 0.7]}
    scripted(monkeypatch, tuning(folder, values(epochs=1, monitor="precision")), "frame_precision", **found).run(
        tmp_path / "run"
    )
    found["loss"] = [0.69, 0.9]
    made = scripted(monkeypatch, tuning(folder, values(epochs=1, monitor="precision")), "frame_precision", **found)
    with pytest.raises(ModelError, match="the files do not hold what was trained"):
        made.run(tmp_path / "other")


def test_the_precision_of_no_calls_is_the_worst_and_ends_no_training(folder, tmp_path, capsys):
    made = tuning(folder, values(monitor="precision", epochs=2))
    with torch.no_grad():
        made.detector.head.bias.copy_(torch.tensor([9.0, -9.0]))
    position = made.run(tmp_path / "run", watchers=[ProgressLine(made.total_steps, "frame_precision")]).position
    assert (position.epoch, position.best) == (2, 0.0)
    assert [line["val_frame_precision"] for line in lines(tmp_path / "run") if "is_best" in line] == [None, None]
    assert capsys.readouterr().err.count("frame_precision undefined, validation loss 8.8") == 2


def test_a_loss_that_is_not_finite_names_the_samples_and_keeps_the_checkpoint(folder, tmp_path, monkeypatch):
    made = tuning(folder, values({"mode": "full"}, epochs=3))
    features = type(made.detector).features
    calls = iter(range(100))

    def broken(self, data_dict):
        found = features(self, data_dict)
        return found * float("nan") if self.training and next(calls) == 5 else found

    monkeypatch.setattr(type(made.detector), "features", broken)
    with pytest.raises(ModelError, match=r"the loss became nan in step 5, for (real|fake)/\d+\.png, .*training\.lr"):
        made.run(tmp_path / "run")
    state = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    assert state["position"]["step"] == 4  # the end of the first epoch


def test_a_batch_that_does_not_fit_says_what_to_lower(folder, tmp_path, monkeypatch):
    made = tuning(folder, values({"mode": "full"}))
    features = type(made.detector).features

    def full(self, data_dict):
        if self.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return features(self, data_dict)

    monkeypatch.setattr(type(made.detector), "features", full)
    with pytest.raises(ModelError, match=r"does not fit .* --set training\.batch_size=2 training\.accumulate=2 "):
        made.run(tmp_path / "run")


def test_another_error_of_torch_is_not_taken_for_a_lack_of_memory(folder, tmp_path, monkeypatch):
    made = tuning(folder, values({"mode": "full"}))

    def broken(self, data_dict):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(type(made.detector), "features", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        made.run(tmp_path / "run")


def test_a_checkpoint_of_another_training_and_a_damaged_journal_are_refused(folder, tmp_path):
    run = tmp_path / "run"
    tuning(folder, values(epochs=1, ema=0.9)).run(run)
    checkpoint, journal = run / "checkpoint.pt", run / "metrics.jsonl"
    state, lines = torch.load(checkpoint, weights_only=True), journal.read_bytes()
    head = dict(state["model"])
    for change in (
        {"position": None},
        {"position": {**state["position"], "epoch": "first"}},
        {"position": {"unknown": 1}},
        {"model": {name: head[name] for name in list(head)[1:]}},
        {"model": {name: tensor[:1] for name, tensor in head.items()}},
        {"optimizer": {}},
        {"average": None},
    ):
        torch.save({**state, **change}, checkpoint)
        with pytest.raises(OutputError, match=r"checkpoint\.pt cannot be read \(it does not hold what was trained"):
            tuning(folder, values(epochs=1, ema=0.9)).run(run)
    torch.save(state, checkpoint)
    for damage in (b"", lines[:-1], lines[:30], b"\0" * len(lines), lines.replace(b"{", b"[", 1)):
        journal.write_bytes(damage)
        with pytest.raises(OutputError, match=r"metrics\.jsonl is damaged: "):
            tuning(folder, values(epochs=1, ema=0.9)).run(run)
        assert journal.read_bytes() == damage
    journal.write_bytes(lines)
    tuning(folder, values(epochs=1, ema=0.9)).run(run)
    assert journal.read_bytes() == lines


def test_a_journal_that_cannot_be_written_stops_the_run(folder, tmp_path, monkeypatch):
    made = tuning(folder, values())
    real = Journal.open

    def opened(self, size_bytes):
        real(self, size_bytes)
        self._stream.close()
        self._stream = open("/dev/full", "wb", buffering=0)  # noqa: SIM115, PTH123

    monkeypatch.setattr(Journal, "open", opened)
    with pytest.raises(OutputError, match="No space left"):
        made.run(tmp_path / "run")


def test_gradient_checkpointing_and_clipping_change_no_gradient(folder, tmp_path):
    for name, more in (("plain", {}), ("checkpointed", {"gradient_checkpointing": True})):
        tuning(folder, values({"mode": "full"}, epochs=1, **more)).run(tmp_path / name)
    a, b = weights(tmp_path / "plain/last"), weights(tmp_path / "checkpointed/last")
    assert all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)


def test_bf16_trains_and_its_files_are_float32(folder, tmp_path):
    result = tuning(folder, values({"mode": "full"}, epochs=8, precision="bf16")).run(tmp_path / "run")
    assert {tensor.dtype for tensor in weights(tmp_path / "run/best").values()} == {torch.float32}
    assert result.validated.value == 1.0


def test_class_weights_let_both_classes_count_the_same(tmp_path):
    made_training.data(tmp_path)
    for number in range(2, 8):
        (tmp_path / f"train/fake/{number:03d}.png").unlink()
    made = tuning(tmp_path, values(balance="weights", epochs=1))
    assert made.data.class_weights() == pytest.approx((10 / 16, 10 / 4))
    made.run(tmp_path / "run")
    weighted = next(line for line in lines(tmp_path / "run") if "is_best" in line)
    assert weighted["samples"] == 10
