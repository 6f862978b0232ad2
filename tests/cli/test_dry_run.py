"""`--dry_run` of every verb that works on something: what would be done, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import click
import made_host
import pytest
import tiny
import yaml
from click.testing import CliRunner

from deepfakebench_ext.cli.command import Command
from deepfakebench_ext.cli.main import cli

DETECTOR = ("--detector_config", "clip.yaml", "--weights", "w.pth")
SCORES = "key,label,score,video\n" + "".join(f"{n}.png,{n % 2},0.{n + 1},v{n}\n" for n in range(8))
PLANS = {
    "evaluate": (("photos", *DETECTOR), "would score photos: 4 samples (2 real, 2 fake), the first fake/000.png"),
    "bulk": (("photos", *DETECTOR), "with huggingface_clip with w.pth, on this machine's cores, by Ray"),
    "analyze": (("videos", *DETECTOR), "would analyse 2 videos, the first fake/b.mp4"),
    "calibrate-timeline": (("videos/real", *DETECTOR), "would choose a threshold on 1 real video and 0 fakes"),
    "splice": (("videos/real", "--face_detector", "dlib"), "would splice 1 video"),
    "extract": (("--input_dir", "videos", "--output_dir", "out"), "into out/videos and out/videos.json"),
    "export": (
        (*DETECTOR, "--int8", "--calibrate_on", "photos", "--output_dir", "out"),
        "with w.pth as openvino in int8, where labelled samples score as before, into out",
    ),
    "metrics": (("a.csv", "--output_dir", "out"), "would compute a.csv into out"),
    "compare": (("a.csv", "b.csv"), "would compare a, b"),
    "view": (("a.csv", "b.csv"), "would show a, b"),
    "merge": (("photos", "videos", "--output_dir", "out"), "into out/photos"),
    "convert-timelines": (("truth.json", "--to", "activitynet", "--output", "o.json"), "to o.json"),
    "serve": (DETECTOR, "would serve default at http://127.0.0.1:8000"),
    "worker": (DETECTOR, "would work with default"),
    "host run": (("training/test.py",), "would run training/test.py of "),
    "host link": ((), "know our detectors"),
    "host unlink": ((), "would take our line"),
    "host install": ((), "would clone https"),
}
LOOKS_ONLY = {"doctor", "configs list", "configs show", "host status"}
IN_OTHER_TESTS = {"train", "bench", "timeline-metrics", "leaderboard"}


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    tiny.photos(tmp_path / "photos", 2)
    for name in ("w.pth", "videos/real/a.mp4", "videos/fake/b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(SCORES)
    truth = {"videos": [{"file": "a.mp4", "duration_s": 9.0, "segments": [{"start_s": 1.0, "end_s": 2.0}]}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(made_host.make_host(tmp_path / "host")))


def held() -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in Path().rglob("*")}


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("verb", PLANS)
def test_what_would_be_done_is_said_and_nothing_is_written(verb: str) -> None:
    words, said = PLANS[verb]
    before = held()
    first, *more = verb.split()
    options = [*more, "--dry_run", *words] if verb == "host run" else [*more, *words, "--dry_run"]
    result = CliRunner().invoke(cli, [first, *options])
    assert result.exit_code == 0, (result.output, result.exception)
    assert said in result.stdout
    assert result.stdout.splitlines()[-1] == "nothing was written: --dry_run"
    assert held() == before


def test_every_verb_that_works_on_something_has_it() -> None:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    for group in ("host", "configs"):
        verbs = found.pop(group)
        assert isinstance(verbs, click.Group)
        found |= {f"{group} {name}": command for name, command in verbs.commands.items()}
    having = {
        name
        for name, command in found.items()
        if isinstance(command, Command) and any("--dry_run" in param.opts for param in command.params)
    }
    assert having == {*found} - LOOKS_ONLY == {*PLANS} | IN_OTHER_TESTS
