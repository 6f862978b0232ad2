"""`dfb-ext doctor` as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hub_server
import made_host
import pytest
import services
import tiny
import torch
import yaml

from deepfakebench_ext.cli.main import cli, run

Typed = Callable[..., tuple[int, str, str]]
Findings = Callable[..., tuple[int, dict[str, Any]]]
SCRIPT = Path(__file__).parents[2] / "scripts/test_with_huggingface.py"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run the command in this process; gives exit code, stdout, stderr."""

    def _typed(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: cli(["doctor", *map(str, words)], prog_name="dfb-ext"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _typed


@pytest.fixture
def findings(typed: Typed) -> Findings:
    """Run it with --json; gives exit code, and each finding by its name."""

    def _findings(*words: object) -> tuple[int, dict[str, Any]]:
        code, out, _ = typed(*words, "--json")
        return code, by_name(out)

    return _findings


def by_name(out: str) -> dict[str, Any]:
    values = json.loads(out)
    return {each["name"]: each for each in values["findings"]} | {"lacking": values["lacking"]}


def test_without_options_nothing_is_asked_for_and_nothing_is_made(findings: Findings, tmp_path: Path) -> None:
    code, found = findings()
    assert code == 0 and found["lacking"] == []
    assert found["packages"]["details"]["versions"]["torch"] == torch.__version__
    assert found["python"]["found"] and found["device"]["found"] and found["disk"]["found"]
    assert not found["DeepfakeBench"]["found"] and "dfb-ext host install" in found["DeepfakeBench"]["said"]
    assert "HF_HUB_OFFLINE is set" in found["hub"]["said"]
    assert not {"weights", "database", "broker", "faces"} & set(found)
    assert not list(tmp_path.iterdir())


def test_what_is_asked_for_and_missing_is_named_with_a_remedy_and_exit_code_3(typed: Typed) -> None:
    code, out, err = typed("--weights", "absent.pth", "--face_model", "no.onnx", "--face_detector", "yunet")
    assert code == 3
    assert err.splitlines()[-1] == "asked for and missing: faces, weights"
    lines = [line for line in out.splitlines() if line.startswith("MISSING")]
    assert "--face_model no.onnx does not exist; give the path of YuNet's" in lines[0]
    assert "there are no weights at 'absent.pth'" in lines[1]


def test_a_device_that_this_machine_lacks_is_missing_where_it_is_asked_for(findings: Findings) -> None:
    code, found = findings("--device", "cuda:77")
    assert (code, found["lacking"]) == (3, ["device"])
    assert "Try auto, cpu, cuda or mps" in found["device"]["said"]


@pytest.mark.parametrize("kind", ["image", "video"])
def test_weights_are_named_with_their_digest_and_score_something_made(
    findings: Findings, tmp_path: Path, kind: str
) -> None:
    made = {"image": (tiny.CLIP_YAML, tiny.clip_detector_state()), "video": (tiny.VIDEOMAE_YAML, None)}[kind]
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(made[0]))
    torch.save(made[1] or tiny.videomae_detector_state(), tmp_path / "w.pth")
    code, found = findings("--weights", tmp_path / "w.pth", "--detector_config", tmp_path / "d.yaml", "--device", "cpu")
    assert code == 0
    report = found["weights"]["details"]
    assert (report["kind"], report["takes"], report["missing"]) == ("file", kind, [])
    assert report["sha256"] in found["weights"]["said"] and str(tmp_path / "w.pth") in found["weights"]["said"]
    assert found["head"]["found"] and found["label order"]["said"] == "fake is logit [1], by host contract"
    passed = found["forward pass"]["details"]
    assert 0 < passed["score"] < 1 and passed["seconds"] > 0


def test_an_untrained_head_is_said_and_fails_where_a_trained_one_is_required(
    findings: Findings, tmp_path: Path
) -> None:
    folder = tiny.save_folder(tiny.clip_model(), tmp_path / "tower")
    code, found = findings("--weights", folder)
    assert code == 0 and not found["head"]["found"] and "dfb-ext train" in found["head"]["remedy"]
    code, found = findings("--weights", folder, "--require_trained_head")
    assert (code, found["lacking"]) == (3, ["weights"])


def test_the_script_of_the_older_app_is_the_same_command(tmp_path: Path) -> None:
    folder = tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    done = subprocess.run([sys.executable, SCRIPT, "--weights", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fake is logit [1] (Real, Fake), by checkpoint names" in done.stdout
    assert "found    forward pass" in done.stdout


def test_the_hub_is_asked_for_an_answer_and_named_where_it_gives_none(tmp_path: Path) -> None:
    def online(endpoint: str) -> dict[str, Any]:
        """In a process of its own: the hub's client reads its variables when it is imported."""
        given = {
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": endpoint,
            "NO_PROXY": "127.0.0.1",
        }
        command = services.command("doctor", "--json")
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **given})
        assert done.returncode == 0, done.stderr
        return by_name(done.stdout)

    with hub_server.FakeHub() as hub:
        found = online(hub.endpoint)
    assert found["hub"]["found"] and f"{hub.endpoint} answers" in found["hub"]["said"]
    assert found["hub cache"]["details"]["folder"] == str(tmp_path / "home/hub")
    found = online(f"http://127.0.0.1:{services.free_port()}")
    assert not found["hub"]["found"] and "HF_ENDPOINT" in found["hub"]["remedy"]


def test_a_checkout_is_found_and_one_that_is_named_must_be_one(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made_host.make_host(tmp_path / "vendors/DeepfakeBench")
    _, found = findings()
    assert found["DeepfakeBench"]["details"]["root"] == str(root)
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(tmp_path))
    code, found = findings()
    assert (code, found["lacking"]) == (3, ["DeepfakeBench"])


def test_sqlite_of_a_data_folder_is_looked_at_and_not_made(findings: Findings, tmp_path: Path) -> None:
    code, found = findings("--data_dir", tmp_path / "data")
    assert code == 0 and "the first start makes it" in found["database"]["said"]
    assert not (tmp_path / "data").exists()


def test_a_folder_below_a_file_is_no_place_for_data(findings: Findings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, found = findings("--data_dir", tmp_path / "file/data")
    assert code == 3 and found["lacking"] == ["disk"]
