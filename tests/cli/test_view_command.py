"""`dfb-ext view`: from runs to a folder that a browser opens, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError


def csv(path: Path, header: str = "key,label,score") -> Path:
    path.write_text("\n".join([header, *(f"{n}.png,{n % 2},0.{n}" for n in range(1, 9))]) + "\n")
    return path


def test_a_view_says_what_it_holds_and_where(tmp_path):
    one, two = csv(tmp_path / "one.csv"), csv(tmp_path / "two.csv", "key,is_fake,prob")
    out = tmp_path / "out"
    texts = [str(one), f"{two}:label=is_fake,score=prob", "--names", "ours,theirs", "--output_dir", str(out)]
    done = CliRunner().invoke(cli, ["view", *texts], catch_exceptions=False)
    assert done.output.splitlines() == ["8 samples of 2 runs, 0 with a picture", f"open {out / 'index.html'}"]
    assert "<title>Samples of ours, theirs</title>" in (out / "index.html").read_text()
    again = CliRunner().invoke(cli, ["view", str(one), "--no_pictures", "--output_dir", str(out)])
    assert again.output.startswith("8 samples of 1 run\n")


def test_a_folder_of_something_else_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="no view"):
        CliRunner().invoke(cli, ["view", "nowhere", "--output_dir", str(csv(tmp_path / "a.csv").parent)],
                           catch_exceptions=False)  # fmt: skip


def test_looking_needs_no_torch(tmp_path):
    arguments = ["view", str(csv(tmp_path / "one.csv")), "--output_dir", str(tmp_path / "out")]
    program = (
        "import sys; from deepfakebench_ext.cli.main import cli; "
        f"cli({arguments!r}, standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0
