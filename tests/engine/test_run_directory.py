"""A run goes on where it was cut off, and never mixes with another."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.readers.frames import files_of
from deepfakebench_ext.engine.run_directory import RunDirectory, digest_samples, fingerprint
from deepfakebench_ext.media.sampling import FrameSampling

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
    with (
        RunDirectory(tmp_path, SETTINGS) as run,
        pytest.raises(OutputError, match=r"scores\.jsonl is damaged: line 1 is"),
    ):
        run.resume(SAMPLES, 2)
    assert journal.read_bytes() == damaged


@pytest.mark.parametrize(
    "change",
    [
        {"score": "0.5"},
        {"score": float("nan")},
        {"score": 1.5},
        {"score": -0.1},
        {"score": True},
        {"score": None},
        {"status": "fine"},
        {"status": "no_face"},
        {"index": 1},
        {"index": 0.0},
        {"start_s": float("inf")},
        {"key": None},
        {"key": ""},
        {"colour": 1},
    ],
)
def test_a_line_that_no_run_writes_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, 5)
    journal = tmp_path / "scores.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    lines[2] = {**lines[2], **change}
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with RunDirectory(tmp_path, SETTINGS) as run, pytest.raises(OutputError, match=r"damaged: line 3 .*move .* away"):
        run.resume(SAMPLES, 2)


@pytest.mark.parametrize("kept", [[], [0], [0, 1, 2, 3], [1, 2, 3, 4], [0, 1, 3, 4], [0, 0, 1, 2, 3, 4]])
@pytest.mark.parametrize("mark", [{"complete": True, "lines": 5}, {"complete": True}])
def test_a_journal_is_complete_only_with_every_line(kept: list[int], mark: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, 5)
    journal = tmp_path / "scores.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1]) == {"complete": True, "lines": 5}
    journal.write_text("".join(lines[number] for number in kept) + json.dumps(mark) + "\n")
    with (
        RunDirectory(tmp_path, SETTINGS) as run,
        pytest.raises(OutputError, match=r"scores\.jsonl is damaged: .* away"),
    ):
        run.resume(SAMPLES, 2)


def test_frames_that_a_complete_journal_lacks_at_the_end_of_a_video_are_missed(tmp_path: Path) -> None:
    frames = [Prediction(sample.key, 0.5, index=i) for sample in SAMPLES[:2] for i in range(3)]
    with RunDirectory(tmp_path, SETTINGS) as run:
        run.resume(SAMPLES[:2], 3)
        run.append(frames)
        run.complete()
    journal = tmp_path / "scores.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    for lost in (2, 5):
        journal.write_text("".join(line for number, line in enumerate(lines) if number != lost))
        with RunDirectory(tmp_path, SETTINGS) as run, pytest.raises(OutputError, match="holds 5 scores only"):
            run.resume(SAMPLES[:2], 3)


@pytest.mark.parametrize("marks", ['{"complete": true, "lines": "5"}\n', '{"complete": true, "lines": 5}\n' * 2])
def test_a_mark_of_completion_that_is_none_is_refused(marks: str, tmp_path: Path) -> None:
    write(tmp_path, 5)
    journal = tmp_path / "scores.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]) + marks)
    with RunDirectory(tmp_path, SETTINGS) as run, pytest.raises(OutputError, match="damaged"):
        run.resume(SAMPLES, 2)


@pytest.mark.parametrize("content", [b"", b'{"fingerprint"', b"[]", b"\0" * 9, b"\xff", b"[" * 100_000, None])
def test_damaged_settings_are_refused_and_the_lock_is_given_back(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(OutputError, match=r"run\.json is damaged: .*; move .* away, and run the same"):
            RunDirectory(tmp_path, SETTINGS)


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
    base = digest_samples([sample("a"), sample("b")], files_of)
    assert digest_samples([sample("a"), sample("b")], files_of) == base
    assert digest_samples([sample("b"), sample("a")], files_of) != base
    assert digest_samples([sample("a"), sample("b", 1)], files_of) != base
    os.utime(tmp_path / "b", ns=(1, 1))
    touched = digest_samples([sample("a"), sample("b")], files_of)
    assert touched != base
    os.utime(tmp_path / "b", ns=(1, 2))
    assert digest_samples([sample("a"), sample("b")], files_of) != touched
    (tmp_path / "b").write_text("longer")
    assert digest_samples([sample("a"), sample("b")], files_of) != base
    assert digest_samples([sample("a"), sample("absent")], files_of) != base
    odd = [[sample(name)] for name in ("a\0b", "a\ud800b", "a\udc80b", "a\udcffb")]
    assert len({digest_samples(samples, files_of) for samples in odd}) == len(odd)


def test_the_digest_knows_every_frame_of_a_folder_by_size_and_time(tmp_path: Path) -> None:
    video = Sample("v", tmp_path / "v", 0)
    video.path.mkdir()
    for number in range(3):
        (video.path / f"{number}.png").write_text("pixels")
        os.utime(video.path / f"{number}.png", ns=(0, 1))
    base = digest_samples([video], files_of)
    before = video.path.stat().st_mtime_ns
    os.utime(video.path / "1.png", ns=(0, 2))
    assert video.path.stat().st_mtime_ns == before
    changed = digest_samples([video], files_of)
    assert changed != base
    first = partial(files_of, sampling=FrameSampling("first", 1))
    assert digest_samples([video], first) == digest_samples([video], first)
    base = digest_samples([video], first)
    os.utime(video.path / "1.png", ns=(0, 3))
    assert digest_samples([video], first) == base  # of the others, only that they are there
    (video.path / "3.png").write_text("pixels")
    assert digest_samples([video], first) != base


def test_a_run_says_on_which_day_it_began_and_goes_on_saying_it(tmp_path):
    with RunDirectory(tmp_path, SETTINGS):
        pass
    said = json.loads((tmp_path / "run.json").read_text())
    assert said.pop("begun") == datetime.now(timezone.utc).date().isoformat()
    assert said == SETTINGS
    (tmp_path / "run.json").write_text(json.dumps({**SETTINGS, "begun": "2020-01-02"}))
    with RunDirectory(tmp_path, SETTINGS):
        pass
    assert json.loads((tmp_path / "run.json").read_text())["begun"] == "2020-01-02"
