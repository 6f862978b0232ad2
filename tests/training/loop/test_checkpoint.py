from __future__ import annotations

import resource

import pytest
import torch

from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.run_names import CHECKPOINT
from deepfakebench_ext.training.loop.checkpoint import TrainingRun, differences

IDENTITY = {"training": {"lr": 0.1, "epochs": 3}, "data": {"sha256": "a"}}
CPU = torch.device("cpu")


def opened(folder, identity=IDENTITY, **options) -> TrainingRun:
    return TrainingRun(folder, identity, {"command": "train"}, writes=options.get("writes", True))


def test_what_was_saved_comes_back(tmp_path):
    with opened(tmp_path / "run") as run:
        assert run.load(CPU) is None
        run.save({"step": 3, "model": {"w": torch.arange(3.0)}})
        state = run.load(CPU)
    assert state["step"] == 3
    assert torch.equal(state["model"]["w"], torch.arange(3.0))


def test_only_the_writing_process_writes(tmp_path):
    with opened(tmp_path / "run"):
        reader = opened(tmp_path / "run", writes=False)
        reader.save({"step": 1})
        assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_two_processes_cannot_train_in_one_folder(tmp_path):
    with opened(tmp_path), pytest.raises(OutputError, match=r"another process is training in .*another --output_dir"):
        opened(tmp_path)


def test_a_run_under_other_settings_is_refused_with_what_differs(tmp_path):
    with opened(tmp_path):
        pass
    other = {"training": {"lr": 0.2, "epochs": 3}, "data": {"sha256": "a"}}
    with pytest.raises(ConfigError, match=r"training\.lr was 0\.1, now 0\.2\. Undo"):
        opened(tmp_path, other)
    opened(tmp_path).close()  # the refused one has given the lock back


def test_names_that_only_one_side_has_differ():
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 1, "d": 3}}) == {"c": (2, None), "a.d": (None, 3)}


@pytest.mark.parametrize("room", [0, 700, 4000])
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, room):
    with opened(tmp_path) as run:
        run.save({"step": 1, "model": {"w": torch.zeros(2000)}})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OutputError, match=r"cannot .*(written|write).*"):
                run.save({"step": 2, "model": {"w": torch.ones(2000)}})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert run.load(CPU)["step"] == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", CHECKPOINT, "run.json"]


def test_a_damaged_checkpoint_is_said_to_be_one(tmp_path):
    with opened(tmp_path) as run:
        (tmp_path / CHECKPOINT).write_bytes(b"PK\x03\x04 and then nothing")
        with pytest.raises(OutputError, match=r"checkpoint\.pt cannot be read .*to begin anew"):
            run.load(CPU)


@pytest.mark.parametrize("content", [b"", b"\0" * 99, None, [1], 3, {}])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    with opened(tmp_path) as run:
        path = tmp_path / CHECKPOINT
        if content is None:
            path.mkdir()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        with pytest.raises(OutputError, match=r"checkpoint\.pt (cannot be read|is of another version).*to begin anew"):
            run.load(CPU)


def test_a_cut_checkpoint_is_refused(tmp_path):
    with opened(tmp_path) as run:
        run.save({"model": {"w": torch.arange(300.0)}})
        whole = (tmp_path / CHECKPOINT).read_bytes()
        for part in (whole[:1], whole[: len(whole) // 2], whole[:-1], whole.replace(b"\0\0\x80?", b"\0\0\x80@")):
            assert part != whole
            (tmp_path / CHECKPOINT).write_bytes(part)
            with pytest.raises(OutputError, match=r"checkpoint\.pt cannot be read"):
                run.load(CPU)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"identity": 3}', "{"])
def test_damaged_settings_are_refused_and_the_lock_is_given_back(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    for _ in range(2):
        with pytest.raises(OutputError, match=r"run\.json is damaged: .*; move .* away"):
            opened(tmp_path)


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    with opened(tmp_path) as run:
        torch.save({"format": 0}, tmp_path / CHECKPOINT)
        with pytest.raises(OutputError, match="another version"):
            run.load(CPU)


def test_a_checkpoint_that_would_run_code_is_not_read(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("never",))

    with opened(tmp_path) as run:
        torch.save({"format": 1, "step": Evil()}, tmp_path / CHECKPOINT)
        with pytest.raises(OutputError, match="cannot be read"):
            run.load(CPU)


def test_leftovers_of_a_killed_writer_are_removed(tmp_path):
    (tmp_path / ".checkpoint.pt.0badcafe.tmp").write_bytes(b"half")
    with opened(tmp_path):
        assert not list(tmp_path.glob("*.tmp")) and not list(tmp_path.glob(".*.tmp"))
