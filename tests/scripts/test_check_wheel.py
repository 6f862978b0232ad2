"""A wheel that lacks a file of the package, or holds one of elsewhere, does not pass."""

from __future__ import annotations

import runpy
import zipfile
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parents[2] / "scripts/check_wheel.py"), run_name="check_wheel")


def wheel(path: Path, names: set[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in {*names, "deepfakebench_ext-0.dist-info/METADATA"}:
            archive.writestr(name, "")
    return path


def test_what_is_here_is_what_a_wheel_is_to_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = CHECK["expected"]()
    shipped = "deepfakebench_ext/configs/detector/huggingface_clip.yaml"
    assert {"deepfakebench_ext/py.typed", "deepfakebench_ext/host/plugin.py", shipped} <= whole
    CHECK["main"](wheel(tmp_path / "a.whl", whole))
    assert f"all {len(whole)} files" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"lacks \['deepfakebench_ext/py.typed'\] and holds \[\]"):
        CHECK["main"](wheel(tmp_path / "b.whl", whole - {"deepfakebench_ext/py.typed"}))
    with pytest.raises(SystemExit, match=r"lacks \[\] and holds \['deepfakebench_ext/old.py'\]"):
        CHECK["main"](wheel(tmp_path / "c.whl", whole | {"deepfakebench_ext/old.py"}))
