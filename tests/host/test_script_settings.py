"""What the command line says wins over the YAMLs of the host's scripts, and what nobody reads is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from made_host import make_host

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.host.script_settings import ScriptSettings


def of(*assignments: str, **options: str) -> ScriptSettings:
    return ScriptSettings.of(options, assignments, Path("/user"))


def test_a_folder_of_frames_decides_between_files_and_an_lmdb() -> None:
    assert of(rgb_dir="rgb").said == {"rgb_dir": "/user/rgb", "lmdb": False}
    assert of(lmdb_dir="/lm").said == {"lmdb_dir": "/lm", "lmdb": True}
    assert of("lmdb=false", lmdb_dir="lm").said["lmdb"] is False
    with pytest.raises(ConfigError, match="both given"):
        of(rgb_dir="a", lmdb_dir="b")


def test_values_are_yaml_and_paths_begin_where_the_user_is() -> None:
    said = of("nEpochs=2", "mean=[0.5, 0.5, 0.5]", "log_dir=runs", "lr_scheduler=null").said
    assert said == {"nEpochs": 2, "mean": [0.5, 0.5, 0.5], "log_dir": "/user/runs", "lr_scheduler": None}


@pytest.mark.parametrize("text", ["nEpochs", "=2", "nEpochs=[1"])
def test_what_is_no_assignment_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        of(text)


def test_a_key_nobody_reads_is_an_error_with_the_nearest() -> None:
    of("my_key.a=1", "workers=0", "new_head=true").check(["my_key", "workers", "new_head"])
    with pytest.raises(ConfigError, match="did you mean workers"):
        of("wrokers=0").check(["workers"])


def test_yamls_of_others_are_read_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_host(tmp_path / "host")
    for name in ("mine.yaml", "other.yaml"):
        (tmp_path / name).write_text("model_name: made\nfolder: x\n")
    settings = of("model_name=another", "lmdb=false")
    monkeypatch.chdir(root)
    with settings.in_yamls(root, tmp_path / "mine.yaml"):
        read = {}
        for name in (tmp_path / "mine.yaml", tmp_path / "other.yaml", "./training/config/train_config.yaml"):
            with Path(name).open() as stream:
                read[Path(name).name] = yaml.safe_load(stream)
        assert yaml.safe_load("lmdb: true") == {"lmdb": True}
    assert read["mine.yaml"] == {"model_name": "another", "folder": "x", "lmdb": False}
    assert read["other.yaml"] == {"model_name": "made", "folder": "x"}
    own = read["train_config.yaml"]
    assert own["lmdb"] is False and own["log_dir"] == "/user/logs/training" and "model_name" not in own
    with (tmp_path / "mine.yaml").open() as stream:
        assert yaml.safe_load(stream)["model_name"] == "made"


def test_dataset_jsons_come_from_what_was_said_then_the_scripts_choice_then_its_yaml(tmp_path: Path) -> None:
    said = of(dataset_json_folder="mine")
    said.json_folder_of_yaml = "of_yaml"
    assert said.json_folders("v3") == ["/user/mine", "v3", "of_yaml"]
    assert of().json_folders("v3") == ["v3"]
