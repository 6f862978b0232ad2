"""A run goes on where it was cut off, and never mixes with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.engine.run_directory import RunDirectory, digest_samples, fingerprint

SETTINGS: dict[str, Any] = {"fingerprint": "a" * 64, "batch_size": 2}
SAMPLES = [Sample(f"real/{i}.png", Path(f"real/{i}.png"), 0) for i in range(5)]
PREDICTIONS = [Prediction(s.key, 0.1 * i) for i, s in enumerate(SAMPLES)]


def write(folder: Path, count: int, batch: int = 2) -> None:
    with RunDirectory(folder, SETTINGS) as run:
        done = run.resume(SAMPLES, batch)
        start = done.sample + bool(done.units)  # here a sample is one unit
        for at in range(start, count, batch):
            run.append(PREDICTIONS[at : min(at + batch, count)])
        if count == len(SAMPLES):
            run.complete()


def test_a_whole_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, 5)
    with RunDirectory(tmp_path, SETTINGS) as run:
        assert run.resume(SAMPLES, 2) == (5, 0)
        assert list(run.predictions()) == PREDICTIONS


@pytest.mark.parametrize(("scored", "kept"), [(0, 0), (1, 0), (2, 2), (3, 2), (4, 4)])
def test_only_whole_batches_count_after_a_stop(scored: int, kept: int, tmp_path: Path) -> None:
    write(tmp_path, scored)
    with RunDirectory(tmp_path, SETTINGS) as run:
        assert run.resume(SAMPLES, 2) == ((kept - 1, 1) if kept else (0, 0))
        assert list(run.predictions()) == PREDICTIONS[:kept]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_at_any_byte_is_written_again(cut: int, tmp_path: Path) -> None:
    write(tmp_path, 5)
    journal = tmp_path / "scores.jsonl"
    undisturbed = journal.read_bytes()
    journal.write_bytes(undisturbed[:-cut])
    write(tmp_path, 5)
    assert journal.read_bytes() == undisturbed


def test_a_video_that_was_cut_in_the_middle_goes_on_after_its_last_whole_batch(tmp_path: Path) -> None:
    frames = [Prediction(SAMPLES[0].key, 0.5, index=i, start_s=i / 25) for i in range(3)]
    frames += [Prediction(SAMPLES[1].key, None, "no_face", "none", index=i, faceless=1) for i in range(4)]
    with RunDirectory(tmp_path, SETTINGS) as run:
        run.resume(SAMPLES, 2)
        for at in range(0, len(frames), 2):
            run.append(frames[at : at + 2])
    with RunDirectory(tmp_path, SETTINGS) as run:
        assert run.resume(SAMPLES, 2) == (1, 3)
        assert list(run.predictions()) == frames[:6]


def test_the_journal_of_other_samples_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 5)
    other = [Sample("fake/0.png", Path("fake/0.png"), 1), *SAMPLES[1:]]
    with (
        RunDirectory(tmp_path, SETTINGS) as run,
        pytest.raises(OutputError, match=r"'real/0\.png' is not in its place"),
    ):
        run.resume(other, 2)


def test_a_damaged_journal_is_refused_and_kept(tmp_path: Path) -> None:
    write(tmp_path, 4)
    journal = tmp_path / "scores.jsonl"
    damaged = b"\0" * 10 + b"\n" + journal.read_bytes()
    journal.write_bytes(damaged)
    with RunDirectory(tmp_path, SETTINGS) as run, pytest.raises(OutputError, match=r"line 1 is damaged"):
        run.resume(SAMPLES, 2)
    assert journal.read_bytes() == damaged


def test_other_settings_never_go_into_an_old_run(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(OutputError, match="holds another run"):
        RunDirectory(tmp_path, {**SETTINGS, "fingerprint": "b" * 64})


def test_settings_that_decide_no_score_stay_those_of_the_first_start(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, {**SETTINGS, "command": "first"}):
        before = (tmp_path / "run.json").read_bytes()
    with RunDirectory(tmp_path, {**SETTINGS, "command": "second"}):
        assert (tmp_path / "run.json").read_bytes() == before


def test_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, SETTINGS), pytest.raises(OutputError, match="another process"):
        RunDirectory(tmp_path, SETTINGS)
    with RunDirectory(tmp_path, SETTINGS):
        pass  # and it is free again


def test_what_a_killed_writer_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".metrics.json.0a1b2c3d.tmp").write_text("half")
    with RunDirectory(tmp_path, SETTINGS):
        assert not list(tmp_path.glob(".*.tmp"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file.* give another --output_dir"):
        RunDirectory(tmp_path / "file" / "run", SETTINGS)


def test_the_fingerprint_knows_values_and_not_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_the_digest_of_samples_changes_with_key_label_order_and_content(tmp_path: Path) -> None:
    def sample(name: str, label: Any = 0) -> Sample:
        return Sample(name, tmp_path / name, label)

    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    base = digest_samples([sample("a"), sample("b")])
    assert digest_samples([sample("a"), sample("b")]) == base
    assert digest_samples([sample("b"), sample("a")]) != base
    assert digest_samples([sample("a"), sample("b", 1)]) != base
    (tmp_path / "b").write_text("longer")
    assert digest_samples([sample("a"), sample("b")]) != base
    assert digest_samples([sample("a"), sample("absent")]) != base
