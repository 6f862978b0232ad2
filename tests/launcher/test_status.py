"""The status says what is found and how, its commit, and what each detector lacks here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from made_host import git, make_host

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import TESTED_COMMIT
from deepfakebench_ext.host.needs import missing_modules
from deepfakebench_ext.launcher.link import link
from deepfakebench_ext.launcher.status import take_status


def test_each_detector_is_imported_alone_and_all_that_it_lacks_is_named(tmp_path: Path) -> None:
    root = make_host(tmp_path / "host", commit=True)
    link(root)
    status = take_status(root)
    made = {one.name: one for one in status.detectors}
    assert [name for name, one in made.items() if one.is_importable] == ["made"]
    assert made["lacking"].lacks == ("absent_package", "another_absent_package")
    assert made["lacking"].remedy == "pip install absent_package another_absent_package"
    assert made["broken"].reason == "OSError: no shape_predictor.dat"
    assert [(one.name, one.is_importable) for one in status.scripts] == [("test.py", True), ("train.py", True)]
    text = status.text()
    assert f"{root} (by the argument)" in text
    assert f"{git(root, 'rev-parse', 'HEAD')}; tested is {TESTED_COMMIT}" in text
    assert status.is_linked and "training/detectors/__init__.py" in status.changes
    assert status.as_dict()["is_tested_commit"] is False
    assert not {"detectors", "metrics", "dataset"} & set(sys.modules)


def test_a_script_whose_modules_are_not_all_there_names_each_of_them(tmp_path: Path) -> None:
    root = make_host(tmp_path / "host")
    training = root / "training"
    (training / "dataset/pair_dataset.py").unlink()
    (training / "train.py").write_text("from trainer.trainer import Trainer\nfrom dataset import *\n")
    test, train = take_status(root).scripts
    assert test.lacks == ("dataset.pair_dataset",) and train.lacks == ("absent_package",)
    assert "test.py: lacks dataset.pair_dataset (its own: the checkout is not whole)" in take_status(root).text()
    (training / "train.py").unlink()
    assert take_status(root).scripts[1].reason == "not there: the checkout is not whole"


def test_nothing_found_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)
    with pytest.raises(HostError, match=r"dfb-ext host install.*--path DIR.*DEEPFAKEBENCH_ROOT"):
        take_status()


def test_imports_are_followed_through_the_hosts_own_modules_and_not_into_functions(tmp_path: Path) -> None:
    training = make_host(tmp_path / "host") / "training"
    (training / "detectors/deep_detector.py").write_text(
        "from .parts import piece\nfrom trainer import trainer\nimport torch.utils.tensorboard_absent\n"
        "def late():\n    import absent_in_function\n"
    )
    (training / "detectors/parts").mkdir()
    (training / "detectors/parts/__init__.py").touch()
    (training / "detectors/parts/piece.py").write_text("from ..parts.inner import x\nimport json\n")
    (training / "detectors/parts/inner.py").write_text("import absent_in_parts.below\n")
    assert missing_modules(training, "detectors.deep_detector") == ("absent_in_parts", "absent_package")
