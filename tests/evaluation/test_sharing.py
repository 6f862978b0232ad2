"""One process, several and shards in any order end with the same bytes; what is missing is said."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
import yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.cli.merge import merge
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.engine.parts import Shard

REPOSITORY = Path(__file__).parents[2]
SAME = ("scores.csv", "metrics.json", "scores.jsonl", "videos.csv")

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 videos of 1 to 4 frames, three parts, and a detector; a batch of 3 would go over the end of a part."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), folder / "w.pth")
    for video, frame in itertools.product(range(40), range(4)):
        if frame <= video % 4:
            path = folder / f"films/{'real' if video % 2 else 'fake'}/{video:02d}/{frame:03d}.png"
            tiny.photo(path, seed=50 * video + frame)
    (folder / "films/real/01/000.png").write_bytes(b"damaged")
    return folder


def arguments(films: Path, output: Path) -> list[str]:
    said = {"detector_config": films / "clip.yaml", "weights": films / "w.pth", "video": films / "films"}
    said |= {"dtype": Path("float32"), "device": Path("cpu"), "batch_size": Path("3"), "output_dir": output}
    return ["--no_plots", *(str(word) for name, value in said.items() for word in (f"--{name}", value))]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process; gives exit code, and all that was printed."""
    monkeypatch.chdir(tmp_path)

    def _run(verb: Callable[..., object], *words: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: verb([str(word) for word in words], prog_name="dfb-ext"))
            sys.exit(0)
        return int(exit_.value.code or 0), "".join(capsys.readouterr())

    return _run


def only_run(folder: Path) -> Path:
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (only_run(folder) / name).read_bytes() for name in SAME}


def test_shards_in_any_order_are_merged_into_the_bytes_of_one_command(
    films: Path, command: Command, tmp_path: Path
) -> None:
    assert command(evaluate, *arguments(films, tmp_path / "one"))[0] == 0
    for number in (4, 2, 1, 3):
        code, text = command(evaluate, *arguments(films, tmp_path / f"{number}"), "--shard", f"{number}/4")
        assert code == 0, text
        assert f"shard {number}/4: {(17, 17, 6, 0)[number - 1]} samples scored" in text
    shards = [only_run(tmp_path / str(number)) for number in (3, 1, 4)]
    code, text = command(merge, *shards)
    assert code == 2
    assert "1 part of 3 are missing, of the shards 2/4: run these with --shard" in text
    code, text = command(merge, *shards, only_run(tmp_path / "2"), "--output_dir", tmp_path / "merged")
    assert code == 0, text
    assert contents(tmp_path / "merged") == contents(tmp_path / "one")
    assert json.loads((only_run(tmp_path / "merged") / "run.json").read_text())["fingerprint"]


def test_shards_on_one_disk_share_a_run_directory(
    films: Path, command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert command(evaluate, *arguments(films, tmp_path / "one"))[0] == 0
    for number in (2, 1):
        assert command(evaluate, *arguments(films, tmp_path / "shared"), "--shard", f"{number}/2")[0] == 0
    folder = only_run(tmp_path / "shared")
    (folder / "parts/notes.jsonl").write_text("no part")
    part = min((folder / "parts").glob("0*"))
    (folder / "parts" / part.name.replace(".jsonl", " (copy).jsonl")).write_bytes(part.read_bytes())
    code, text = command(merge, folder)
    assert (code, caplog.text.count("is no part of this run")) == (0, 2), text
    assert contents(tmp_path / "shared") == contents(tmp_path / "one")
    assert not (folder / "parts").exists()
    assert command(merge, folder) == (0, text)
    # A shard that is asked again finds that all is there.
    assert command(evaluate, *arguments(films, tmp_path / "shared"), "--shard", "1/2")[0] == 0
    assert not (folder / "parts").exists()
    assert command(merge, folder) == (0, text)
    # Whoever asks without --shard now is answered from there.
    code, text = command(evaluate, *arguments(films, tmp_path / "shared"))
    assert (code, "finished before" in text) == (0, True)


def test_a_merge_that_was_killed_while_it_removed_parts_is_done(
    films: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        assert command(evaluate, *arguments(films, tmp_path / "shared"), "--shard", f"{number}/2")[0] == 0
    folder = only_run(tmp_path / "shared")
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda path, **_: min(path.glob("0*")).unlink() or sys.exit(9))
        assert command(merge, folder)[0] == 9
    before = contents(tmp_path / "shared")
    assert (folder / "parts").exists()
    assert command(merge, folder)[0] == 0
    assert contents(tmp_path / "shared") == before
    assert not (folder / "parts").exists() and not list(folder.glob("shard-*"))


def test_a_run_is_merged_anew_for_another_report_while_its_parts_are_there(
    films: Path, command: Command, tmp_path: Path
) -> None:
    for rule in ("mean", "max"):
        asked = ("--aggregation", rule)
        assert command(evaluate, *arguments(films, tmp_path / rule), *asked)[0] == 0
        for number in (1, 2):
            shard = ("--shard", f"{number}/2")
            assert command(evaluate, *arguments(films, tmp_path / f"{number}"), *asked, *shard)[0] == 0
        shards = [only_run(tmp_path / f"{number}") for number in (1, 2)]
        assert command(merge, *shards, "--output_dir", tmp_path / "merged")[0] == 0
        assert contents(tmp_path / "merged") == contents(tmp_path / rule)
    # Into the folder of one of them, whose parts are then gone.
    for _ in range(2):
        assert command(merge, *shards, "--output_dir", tmp_path / "1")[0] == 0
        assert contents(tmp_path / "1") == contents(tmp_path / "max")
    for number, right in ((1, 2), (2, 0)):
        words = (*arguments(films, tmp_path / f"{number}"), "--shard", f"{number}/2")
        code, text = command(evaluate, *words)
        assert (code, "is merged, with another --aggregation or --threshold" in text) == (right, number == 1)
    code, text = command(merge, *shards, "--output_dir", tmp_path / "1")
    assert (code, "run the same command without --shard" in text) == (2, True)


def test_whoever_goes_on_without_a_shard_leaves_nothing_of_shards(
    films: Path, command: Command, tmp_path: Path
) -> None:
    for name, more in (("one", ()), ("two", ("--shard", "1/2")), ("two", ())):
        assert command(evaluate, *arguments(films, tmp_path / name), *more)[0] == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    left = [sorted(path.name for path in only_run(tmp_path / name).iterdir()) for name in ("one", "two")]
    assert left[0] == left[1]


def test_what_does_not_go_together_is_not_merged(films: Path, command: Command, tmp_path: Path) -> None:
    for name, more in (("a", ()), ("b", ("--num_frames", "2")), ("c", ("--aggregation", "max"))):
        code, text = command(evaluate, *arguments(films, tmp_path / name), *more, "--shard", "1/2")
        assert code == 0, text
    first = only_run(tmp_path / "a")
    code, text = command(merge, first, only_run(tmp_path / "b"))
    assert code == 2
    assert (
        f"{only_run(tmp_path / 'b')} is of other settings than {first}: samples, sampling. Merge shards of one command"
        in text
    )
    code, text = command(merge, first, only_run(tmp_path / "c"))
    assert code == 2
    assert "the shards were asked for different reports" in text
    code, text = command(merge, films)
    assert code == 2
    assert f"{films} is no run directory" in text
    assert "of the shards 2/2: run these" in command(merge, first)[1]

    again = tmp_path / "again" / first.name
    shutil.copytree(first, again)
    assert "of the shards 2/2: run these" in command(merge, first, again)[1]  # the same twice does no harm
    part = min((again / "parts").iterdir())
    part.write_text(part.read_text().replace('"score": 0.', '"score": 0.0', 1))
    code, text = command(merge, first, again)
    assert code == 1
    assert "are the same part with other scores: the machines compute differently" in text
    part.write_text("".join(part.read_text().splitlines(keepends=True)[:-2]))
    code, text = command(merge, again)
    assert code == 1
    assert f"{part} is damaged" in text


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give 1/4 to 4/4 for four shards"):
        Shard.parse(text)


def test_processes_of_a_launcher_share_a_run_and_one_reports(films: Path, command: Command, tmp_path: Path) -> None:
    assert command(evaluate, *arguments(films, tmp_path / "one"))[0] == 0
    script = [sys.executable, str(REPOSITORY / "scripts/perf_huggingface.py"), *arguments(films, tmp_path / "two")]
    ranks = [
        subprocess.Popen(
            script,
            cwd=tmp_path,
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [rank.communicate(timeout=100)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert "results in" in printed[0]
    assert printed[1] == ""
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert not (only_run(tmp_path / "two") / "parts").exists()
